import { formatIpv4, formatIpv6, formatMac } from './addresses.ts';
import type { EventView, Read } from './event.ts';
import type { ShownFormat } from './formatting.ts';
import { integerReader } from './read-number.ts';
import { textReader } from './read-text.ts';
import { formatSinceBoot, formatUnixTime } from './times.ts';

/** What a format must know of a field. */
interface Shape {
  /** In bytes. */
  size: number;
  littleEndian: boolean;
}

/** Makes the reader of a format; undefined where it does not fit a field of that size. */
type FormatReader = (shape: Shape) => Read | undefined;

/** Bytes that `hex` shows at most. */
const MAX_HEX = 4096;

/** How each format reads a field. */
export const FORMAT_READERS: Readonly<Record<ShownFormat, FormatReader>> = {
  ipv4: ({ size }) => (size === 4 ? ({ bytes }, at) => formatIpv4(bytes, at) : undefined),
  ipv6: ({ size }) => (size === 16 ? ({ bytes }, at) => formatIpv6(bytes, at) : undefined),
  mac: ({ size }) => (size === 6 ? ({ bytes }, at) => formatMac(bytes, at) : undefined),
  'big-endian': ({ size }) => integerReader(size, false, false),
  monotonic: (shape) => timeReader(shape, ({ clocks }) => clocks?.monotonic ?? 0n),
  boottime: (shape) => timeReader(shape, ({ clocks }) => clocks?.boottime ?? 0n),
  'unix-time': (shape) => timeReader(shape, () => 0n),
  'since-boot': ({ size, littleEndian }) => {
    const read = size === 8 ? integerReader(8, false, littleEndian) : undefined;
    return read && ((event, at) => formatSinceBoot(read(event, at) as number | bigint));
  },
  hex: ({ size, littleEndian }) => (size <= MAX_HEX ? hexReader(size, littleEndian) : undefined),
  text: ({ size }) => textReader(size),
};

function timeReader({ size, littleEndian }: Shape, offset: (event: EventView) => bigint): Read | undefined {
  const read = size === 8 ? integerReader(8, false, littleEndian) : undefined;
  return read && ((event, at) => formatUnixTime(read(event, at) as number | bigint, offset(event)));
}

/** Integers as C writes them, everything else byte by byte. */
function hexReader(size: number, littleEndian: boolean): Read {
  const read = integerReader(size, false, littleEndian);
  if (read) return (event, at) => `0x${(read(event, at) as number | bigint).toString(16)}`;
  return ({ bytes, end }, at) =>
    Array.from(bytes.subarray(at, Math.min(at + size, end)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
