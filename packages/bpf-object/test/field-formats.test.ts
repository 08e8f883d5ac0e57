import { describe, expect, it } from 'vitest';
import { type Btf, BtfBuilder, createDecoder, type FieldFormat, parseBtf, viewOf } from '../src/index.ts';

const SECOND = 1_000_000_000n;

/** A struct `event` of fields that follow one another, without padding. */
function structOf(
  fields: readonly (readonly [name: string, type: (builder: BtfBuilder) => number, size: number])[],
): Btf {
  const builder = new BtfBuilder();
  let bitOffset = 0;
  const members = fields.map(([name, type, size]) => {
    const member = { name, type: type(builder), bitOffset };
    bitOffset += size * 8;
    return member;
  });
  builder.addStruct('event', bitOffset / 8, members);
  return parseBtf(builder.bytes());
}

const int =
  (name: string, size: number) =>
  (builder: BtfBuilder): number =>
    builder.addInt(name, { size });
const typedef =
  (name: string, size: number) =>
  (builder: BtfBuilder): number =>
    builder.addTypedef(name, builder.addInt('plain', { size }));
const array =
  (element: (builder: BtfBuilder) => number, length: number) =>
  (builder: BtfBuilder): number =>
    builder.addArray(element(builder), length, builder.addInt('index', { size: 4 }));
const struct =
  (name: string, size: number, member: (builder: BtfBuilder) => number) =>
  (builder: BtfBuilder): number =>
    builder.addStruct(name, size, [{ name: 'inner', type: member(builder), bitOffset: 0 }]);

const V6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

describe('by convention', () => {
  it.each<[string, string, (builder: BtfBuilder) => number, number[], unknown]>([
    ['__be32 with the name of an address', 'saddr', typedef('__be32', 4), [192, 0, 2, 1], '192.0.2.1'],
    ['__be32 with another name', 'sequence', typedef('__be32', 4), [0, 0, 1, 2], 258],
    ['__be16', 'dport', typedef('__be16', 2), [0x1f, 0x90], 8080],
    ['__be64', 'id', typedef('__be64', 8), [0, 0, 0, 0, 0, 0, 1, 0], 256],
    ['an integer that is called daddr', 'daddr', int('unsigned int', 4), [10, 0, 0, 1], '10.0.0.1'],
    ['an integer that is called saddr_v4', 'saddr_v4', int('unsigned int', 4), [10, 0, 0, 1], '10.0.0.1'],
    ['an integer that is called ip, which may be anything', 'ip', int('unsigned int', 4), [1, 0, 0, 0], 1],
    ['an integer that is called addr, which may be a pointer', 'addr', int('unsigned int', 4), [1, 0, 0, 0], 1],
    ['struct in_addr', 'from', struct('in_addr', 4, int('unsigned int', 4)), [127, 0, 0, 1], '127.0.0.1'],
    ['struct in6_addr', 'from', struct('in6_addr', 16, array(int('unsigned char', 1), 16)), V6, '2001:db8::1'],
    ['16 bytes with the name of an address', 'saddr_v6', array(int('unsigned char', 1), 16), V6, '2001:db8::1'],
    ['4 words with the name of an address', 'daddr6', array(typedef('__be32', 4), 4), V6, '2001:db8::1'],
    [
      '6 bytes with the name of a hardware address',
      'src_mac',
      array(int('unsigned char', 1), 6),
      [2, 0, 0x5e, 0, 1, 255],
      '02:00:5e:00:01:ff',
    ],
    ['6 bytes with another name', 'six', array(int('unsigned char', 1), 6), [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]],
  ])('%s', (_, name, type, bytes, expected) => {
    const decode = createDecoder(structOf([[name, type, bytes.length]]), 'event');
    expect(decode(Uint8Array.from(bytes))).toEqual({ [name]: expected });
  });

  it('ktime_t is a time of the day, where the offset of the clock is known', () => {
    const decode = createDecoder(structOf([['when', typedef('ktime_t', 8), 8]]), 'event');
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, 5n * SECOND + 7n, true);
    const clocks = { monotonic: 1_700_000_000n * SECOND, boottime: 0n };
    expect(decode.decodeAt({ ...viewOf(bytes), clocks }, 0)).toEqual({ when: '2023-11-14T22:13:25.000000007Z' });
  });
});

const formatted = (type: (builder: BtfBuilder) => number, bytes: Uint8Array, format: FieldFormat): unknown =>
  createDecoder(structOf([['field', type, bytes.length]]), 'event', { formats: { field: format } })(bytes)['field'];
const nanoseconds = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
};

describe('as declared', () => {
  it.each<[FieldFormat, (builder: BtfBuilder) => number, Uint8Array, unknown]>([
    ['ipv4', int('unsigned int', 4), Uint8Array.of(1, 2, 3, 4), '1.2.3.4'],
    ['ipv6', array(int('unsigned int', 4), 4), Uint8Array.from({ length: 16 }), '::'],
    [
      'ipv6',
      array(int('unsigned char', 1), 16),
      Uint8Array.of(...Array(10).fill(0), 255, 255, 1, 2, 3, 4),
      '::ffff:1.2.3.4',
    ],
    ['mac', array(int('unsigned char', 1), 6), Uint8Array.of(1, 2, 3, 4, 5, 6), '01:02:03:04:05:06'],
    ['big-endian', int('unsigned short', 2), Uint8Array.of(1, 0), 256],
    ['unix-time', int('unsigned long', 8), nanoseconds(1_700_000_000n * SECOND), '2023-11-14T22:13:20.000000000Z'],
    ['unix-time', int('unsigned long', 8), nanoseconds(2n ** 64n - 1n), '2554-07-21T23:34:33.709551615Z'],
    ['since-boot', int('unsigned long', 8), nanoseconds(12n * SECOND + 5n), '12.000000005'],
    ['hex', int('unsigned int', 4), Uint8Array.of(255, 0, 0, 0), '0xff'],
    ['hex', array(int('unsigned char', 1), 3), Uint8Array.of(1, 2, 255), '0102ff'],
    ['text', array(int('unsigned char', 1), 4), Uint8Array.of(104, 105, 0, 9), 'hi'],
  ])('%s', (format, type, bytes, expected) => {
    expect(formatted(type, bytes, format)).toEqual(expected);
  });

  it('plain says what the C type says, and other paths stay as they are', () => {
    const btf = structOf([
      ['saddr', typedef('__be32', 4), 4],
      ['daddr', typedef('__be32', 4), 4],
    ]);
    const decode = createDecoder(btf, 'event', { formats: { saddr: 'plain' } });
    expect(decode(Uint8Array.of(1, 0, 0, 0, 10, 0, 0, 1))).toEqual({ saddr: 1, daddr: '10.0.0.1' });
  });

  it('fields of nested structs have their own paths, also where two are of one type', () => {
    const builder = new BtfBuilder();
    const word = builder.addInt('unsigned int', { size: 4 });
    const end = builder.addStruct('end', 4, [{ name: 'address', type: word, bitOffset: 0 }]);
    builder.addStruct('event', 8, [
      { name: 'from', type: end, bitOffset: 0 },
      { name: 'to', type: end, bitOffset: 32 },
    ]);
    const btf = parseBtf(builder.bytes());
    const decode = createDecoder(btf, 'event', { formats: { 'to.address': 'ipv4' } });
    expect(decode(Uint8Array.of(1, 0, 0, 0, 10, 0, 0, 1))).toEqual({
      from: { address: 1 },
      to: { address: '10.0.0.1' },
    });
  });

  it('is refused where the format does not fit, or no field has the name', () => {
    const btf = structOf([['field', int('unsigned int', 4), 4]]);
    for (const formats of [{ field: 'ipv6' }, { field: 'mac' }, { other: 'ipv4' }, { 'field.x': 'hex' }] as const) {
      expect(() => createDecoder(btf, 'event', { formats })).toThrow(
        expect.objectContaining({ code: 'ERR_TYPE_NOT_DECODABLE' }),
      );
    }
  });
});

describe('single fields', () => {
  it('are read without the others, and are undefined where the event ends before them', () => {
    const btf = structOf([
      ['first', int('unsigned int', 4), 4],
      ['second', int('unsigned int', 4), 4],
    ]);
    const { fields } = createDecoder(btf, 'event');
    const view = viewOf(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0));
    expect(fields.map((field) => [field.name, field.read(view, 0)])).toEqual([
      ['first', 1],
      ['second', 2],
    ]);
    view.end = 4;
    expect(fields.map((field) => field.read(view, 0))).toEqual([1, undefined]);
  });
});
