import { createReadStream } from 'node:fs';
import { storageError, throwIfAborted } from '../errors.ts';
import type { CallOptions } from './content.ts';

/**
 * Content of a file in chunks.
 *
 * @param range - first and last byte, both included. Default: all.
 * @throws {OciError} `ERR_OCI_STORAGE`, `ERR_OCI_ABORTED`.
 */
export async function* readFileChunks(
  file: string,
  { signal }: CallOptions,
  [start, end]: readonly [number, number] | readonly [] = [],
): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, {
      ...(signal ? { signal } : {}),
      ...(start === undefined ? {} : { start, end }),
    }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throwIfAborted(signal);
    throw storageError(error, `reading ${file}`);
  }
}
