import type { IncomingHttpHeaders } from 'node:http';
import { RegistryProblem } from './registry-problem.ts';
import { uploadPath, uploadRange } from './reply.ts';

/**
 * Chunks arrive in order (distribution-spec, "Pushing a blob in chunks"); where they do not, the answer says what is there.
 *
 * @throws {RegistryProblem} `RANGE_INVALID`.
 */
export function requireChunkRange(
  headers: IncomingHttpHeaders,
  repository: string,
  { id, size }: { id: string; size: number },
): void {
  const header = headers['content-range'];
  if (header === undefined) return;
  const match = /^(\d+)-(\d+)$/.exec(header);
  const length = headers['content-length'];
  const start = Number(match?.[1]);
  const end = Number(match?.[2]);
  if (match && start === size && end >= start && (length === undefined || Number(length) === end - start + 1)) return;
  throw new RegistryProblem('RANGE_INVALID', `the upload has ${size} bytes`, {
    location: uploadPath(repository, id),
    range: uploadRange(size),
  });
}

/**
 * One range of bytes (RFC 9110, 14.2).
 *
 * @returns `undefined` where the whole blob is to be sent: there is no header, or not one that is known here.
 * @throws {RegistryProblem} `RANGE_INVALID` for a range outside of the blob.
 */
export function parseRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const start = match[1] === '' ? Math.max(size - Number(match[2]), 0) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (start >= size || end < start)
    throw new RegistryProblem('RANGE_INVALID', `the blob has ${size} bytes`, { 'content-range': `bytes */${size}` });
  return { start, end };
}
