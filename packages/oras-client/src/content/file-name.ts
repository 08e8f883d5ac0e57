import { OciError } from '../errors.ts';
import { printable } from '../printable.ts';

/** Names that Windows gives to devices, with or without an ending. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?$/i;
/** Characters that change how a name is shown, and Windows' own separator and drives. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]|^[A-Za-z]:/u;
/** In bytes: of one part of a path (NAME_MAX), and of the whole. */
const MAX_PART = 255;
const MAX_PATH = 1024;

/**
 * The parts of a relative path that a title may name. What is refused could lead out of the folder, name a device, or be another file on
 * another system.
 *
 * @throws {OciError} `ERR_OCI_UNSAFE_PATH`.
 */
export function safePathParts(title: string): string[] {
  const fail = (why: string): OciError =>
    new OciError('ERR_OCI_UNSAFE_PATH', `the file name "${printable(title)}" ${why}`, {
      hint: 'Nothing was written. Fetch the blob by its digest, or ask the publisher for plain file names.',
    });
  if (title === '') throw fail('is empty');
  if (Buffer.byteLength(title) > MAX_PATH) throw fail(`is longer than ${MAX_PATH} bytes`);
  if (title.startsWith('/')) throw fail('is an absolute path');
  if (UNSAFE.test(title)) throw fail('has characters that file names must not have');
  const parts = title.split('/').filter((part) => part !== '.');
  for (const part of parts) {
    if (part === '..') throw fail('leads out of the folder');
    if (part === '') throw fail('has an empty part');
    if (part.endsWith('.') || part.endsWith(' ') || part.startsWith(' ')) throw fail('has a part that ends unseen');
    if (DEVICE.test(part)) throw fail('names a device');
    if (Buffer.byteLength(part) > MAX_PART) throw fail(`has a part longer than ${MAX_PART} bytes`);
  }
  if (parts.length === 0) throw fail('names no file');
  return parts;
}
