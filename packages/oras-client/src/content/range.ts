import type { Descriptor } from '../descriptor.ts';
import { OciError } from '../errors.ts';

/** Checks a range of bytes. @throws {OciError} `ERR_OCI_INVALID_RANGE` where it is not inside the content. */
export function checkRange(descriptor: Descriptor, [first, last]: readonly [number, number]): void {
  const valid = Number.isSafeInteger(first) && Number.isSafeInteger(last) && first >= 0 && first <= last;
  if (valid && last < descriptor.size) return;
  throw new OciError(
    'ERR_OCI_INVALID_RANGE',
    `bytes ${first} to ${last} are not inside ${descriptor.digest}, which has ${descriptor.size} bytes`,
    { hint: 'Ask for a first and a last byte, counted from 0, both inside the content.' },
  );
}

/**
 * Takes a part out of content.
 *
 * @param skip - bytes that are left out at the beginning.
 * @param length - bytes that are given; what comes after is not read.
 * @throws {OciError} `ERR_OCI_SIZE_MISMATCH` where the content ends before.
 */
export async function* slice(
  source: AsyncIterable<Uint8Array>,
  skip: number,
  length: number,
): AsyncGenerator<Uint8Array> {
  let toSkip = skip;
  let left = length;
  for await (const chunk of source) {
    const part = chunk.subarray(Math.min(toSkip, chunk.length)).subarray(0, left);
    toSkip -= Math.min(toSkip, chunk.length);
    left -= part.length;
    if (part.length > 0) yield part;
    if (left === 0) return;
  }
  if (left > 0) throw new OciError('ERR_OCI_SIZE_MISMATCH', `the content ended ${left} bytes before the part’s end`);
}
