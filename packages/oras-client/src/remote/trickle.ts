import { performance } from 'node:perf_hooks';
import { OciError } from '../errors.ts';

/** Bytes that must come within the idle time. Less is a peer that wants to hold the connection, not one that sends. */
const MIN_PROGRESS = 1024;

/**
 * Passes a body on and gives it up where it only trickles: the HTTP client's own timer knows silence, but begins anew with every byte.
 * Only the time of waiting for the peer counts, not that of whoever reads.
 *
 * @param idleMs - within which at least 1 KiB must come.
 * @throws {OciError} `ERR_OCI_TIMEOUT`.
 */
export async function* withoutTrickle(
  body: AsyncIterable<Uint8Array>,
  idleMs: number,
  host: string,
): AsyncGenerator<Uint8Array> {
  let waited = 0;
  let received = 0;
  let start = performance.now();
  for await (const chunk of body) {
    received += chunk.length;
    waited += performance.now() - start;
    if (received >= MIN_PROGRESS) {
      received = 0;
      waited = 0;
    } else if (waited > idleMs) {
      throw new OciError(
        'ERR_OCI_TIMEOUT',
        `${host} sends less than ${MIN_PROGRESS} bytes in ${idleMs / 1000} seconds`,
        {
          registry: host,
          cause: Object.assign(new Error('trickle'), { code: 'UND_ERR_BODY_TIMEOUT' }),
        },
      );
    }
    yield chunk;
    start = performance.now();
  }
}
