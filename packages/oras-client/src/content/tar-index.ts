import type { FileHandle } from 'node:fs/promises';
import { OciError, throwIfAborted } from '../errors.ts';
import { printable } from '../printable.ts';

/** Bytes of a block (POSIX.1-2001, ustar). */
const BLOCK = 512;
/** Entries of an archive that are read. A layout has one for each blob. */
const MAX_ENTRIES = 200_000;
/** Bytes of an extended header, or of a long name. */
const MAX_EXTENSION = 64 * 1024;

/** Names that a layout has, and the one by which Docker's own format is known. Nothing else is remembered. */
const LAYOUT_FILES = /^(?:oci-layout|index\.json|manifest\.json|blobs\/[a-z0-9]{1,32}\/[a-f0-9]{1,256})$/;

/** Where a file is in an archive. */
export interface TarEntry {
  /** Of the first byte of its content, in bytes. */
  offset: number;
  /** In bytes. */
  size: number;
  /** Links and everything else are kept by name only, so that they can be named in errors. */
  kind: 'file' | 'link' | 'other';
}

/**
 * Reads the headers of a tar archive and remembers where each file of an OCI layout is; contents are skipped, whatever their size. Understands ustar, pax
 * (`path`, `size`) and GNU long names.
 *
 * @param path - of the archive, for messages.
 * @throws {OciError} `ERR_OCI_INVALID_LAYOUT` for what is no tar, is cut, or holds a file twice; `ERR_OCI_LIMIT`.
 */
export async function indexTar(
  file: FileHandle,
  { path, signal }: { path: string; signal?: AbortSignal | undefined },
): Promise<Map<string, TarEntry>> {
  const fail = (why: string): OciError =>
    new OciError('ERR_OCI_INVALID_LAYOUT', `${path} ${why}`, { hint: 'Fetch or write the archive again.' });
  const { size: end } = await file.stat();
  const entries = new Map<string, TarEntry>();
  let next: { path?: string; size?: number } = {};
  let offset = 0;
  for (let count = 0; offset + BLOCK <= end; count++) {
    throwIfAborted(signal);
    if (count > MAX_ENTRIES) throw new OciError('ERR_OCI_LIMIT', `${path} has more than ${MAX_ENTRIES} entries`);
    const header = await readAt(file, offset, BLOCK);
    if (header.every((byte) => byte === 0)) return entries;
    if (!hasRightChecksum(header)) throw fail(count === 0 ? 'is no tar archive' : `is damaged at byte ${offset}`);
    const size = next.size ?? numberAt(header, 124, 12);
    const content = offset + BLOCK;
    if (!Number.isSafeInteger(size) || size < 0 || content + size > end)
      throw fail(`is cut: an entry at byte ${offset} is longer than the archive`);
    offset = content + Math.ceil(size / BLOCK) * BLOCK;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === 'x' || type === 'L') {
      if (size > MAX_EXTENSION) throw fail(`has an extended header of ${size} bytes`);
      const bytes = await readAt(file, content, size);
      next = { ...next, ...(type === 'x' ? parsePax(bytes) : { path: textOf(bytes) }) };
      continue;
    }
    if (type === 'g' || type === 'K') continue;
    const name = normalize(next.path ?? nameAt(header));
    next = {};
    if (type === '5' || !LAYOUT_FILES.test(name)) continue;
    if (entries.has(name)) throw fail(`holds ${printable(name)} twice`);
    entries.set(name, { offset: content, size, kind: kindOf(type) });
  }
  throw fail('is cut: it has no end');
}

/** Reads an exact number of bytes. @throws {RangeError} where the file ends before. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) throw new RangeError('the file ended');
    filled += bytesRead;
  }
  return bytes;
}

function kindOf(type: string): TarEntry['kind'] {
  if (type === '0' || type === '\0' || type === '7') return 'file';
  return type === '1' || type === '2' ? 'link' : 'other';
}

/** `./blobs/sha256/…` and `blobs/sha256/…` are one file. */
function normalize(name: string): string {
  return name.replace(/^(?:\.\/+)+/, '');
}

function nameAt(header: Buffer): string {
  const name = textOf(header.subarray(0, 100));
  const isUstar = header.subarray(257, 263).toString('latin1') === 'ustar\0';
  const prefix = isUstar ? textOf(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return (end === -1 ? bytes : bytes.subarray(0, end)).toString('utf8');
}

/** Octal digits, or GNU's base 256 where the first bit is set. */
function numberAt(header: Buffer, start: number, length: number): number {
  const field = header.subarray(start, start + length);
  if (((field[0] ?? 0) & 0x80) === 0) {
    const text = textOf(field).trim();
    return text === '' ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
  }
  return field.subarray(1).reduce((all, byte) => all * 256 + byte, (field[0] ?? 0) & 0x7f);
}

function hasRightChecksum(header: Buffer): boolean {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : (header[i] ?? 0);
  return numberAt(header, 148, 8) === sum;
}

/** Records of a pax header: `length key=value\n` (POSIX.1-2001, pax). */
function parsePax(bytes: Buffer): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {};
  for (let start = 0; start < bytes.length;) {
    const space = bytes.indexOf(0x20, start);
    const length = space === -1 ? 0 : Number(bytes.subarray(start, space).toString('latin1'));
    if (!Number.isSafeInteger(length) || length <= 0) break;
    const record = bytes.subarray(space + 1, start + length - 1).toString('utf8');
    const [key, value] = [record.slice(0, record.indexOf('=')), record.slice(record.indexOf('=') + 1)];
    if (key === 'path') found.path = value;
    if (key === 'size') found.size = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    start += length;
  }
  return found;
}
