import { MAX_TAR_OVERHEAD } from './limits.ts';

/** Bytes of a block (POSIX.1-2001, ustar). */
const BLOCK = 512;
/** Plain file names, as in variant layers (spec/artifact.md, "Layers"). */
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;

/** Offset and length of a field in a ustar header, in bytes. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 6],
  version: [263, 2],
  prefix: [345, 155],
} as const;

/**
 * A tar archive of one file whose bytes depend on name and content only: mode 0644, no owner, no time, two blocks of zeros at the end.
 *
 * @throws {TypeError} for a name that is not a plain file name.
 */
export function tarSingleFile(name: string, content: Uint8Array): Uint8Array {
  if (!PLAIN_NAME.test(name)) throw new TypeError(`${JSON.stringify(name)} is no plain file name`);
  const archive = new Uint8Array(BLOCK + padded(content.length) + 2 * BLOCK);
  const put = (field: keyof typeof FIELDS, text: string): void => {
    archive.set(new TextEncoder().encode(text), FIELDS[field][0]);
  };
  put('name', name);
  put('mode', '0000644\0');
  put('uid', '0000000\0');
  put('gid', '0000000\0');
  put('size', `${content.length.toString(8).padStart(11, '0')}\0`);
  put('mtime', '00000000000\0');
  put('type', '0');
  put('magic', 'ustar\0');
  put('version', '00');
  put('checksum', `${checksumOf(archive).toString(8).padStart(6, '0')}\0 `);
  archive.set(content, BLOCK);
  return archive;
}

/**
 * The file in a tar archive that holds nothing else (spec/compatible-form.md, "Wrapped content"). The bytes are not copied.
 *
 * @throws {Error} where the archive is not a tar, is cut, or holds anything but one regular file of that name.
 */
export function readSingleFile(archive: Uint8Array, name: string): Uint8Array {
  const text = (field: keyof typeof FIELDS): string => {
    const [offset, length] = FIELDS[field];
    const bytes = archive.subarray(offset, offset + length);
    const end = bytes.indexOf(0);
    return String.fromCharCode(...(end === -1 ? bytes : bytes.subarray(0, end)));
  };
  if (archive.length < 3 * BLOCK || archive.length % BLOCK !== 0) throw new Error('it is no whole tar archive');
  if (!text('magic').startsWith('ustar') || octal(text('checksum')) !== checksumOf(archive))
    throw new Error('it is no tar archive');
  if (text('type') !== '0' && text('type') !== '') throw new Error('its first entry is not a regular file');
  if (text('name') !== name || text('prefix') !== '')
    throw new Error(`it holds ${JSON.stringify(text('name'))}, not ${name}`);
  const size = octal(text('size'));
  if (size === undefined || BLOCK + padded(size) > archive.length) throw new Error('it is cut');
  const rest = archive.subarray(BLOCK + size);
  if (rest.some((byte) => byte !== 0)) throw new Error('it holds more than one file');
  if (rest.length < 2 * BLOCK || rest.length > MAX_TAR_OVERHEAD)
    throw new Error('its end is not that of a tar archive');
  return archive.subarray(BLOCK, BLOCK + size);
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** The sum of the header's bytes, with spaces for the checksum itself. */
function checksumOf(archive: Uint8Array): number {
  const [start, length] = FIELDS.checksum;
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= start && i < start + length ? 0x20 : (archive[i] ?? 0);
  return sum;
}

function octal(text: string): number | undefined {
  return /^ *[0-7]+ *$/.test(text) ? Number.parseInt(text.trim(), 8) : undefined;
}
