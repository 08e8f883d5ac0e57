import type { Descriptor } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import type { HttpResponse } from './http-client.ts';
import { singleHeader } from './repository-api.ts';
import { isPassing, waitBeforeRetry } from './retry.ts';

/** Bytes by which a broken transfer came forward, so that its tries begin anew. */
const PROGRESS = 1024 * 1024;

/** How content is read. */
export interface BodyOptions {
  /** The answer to the first request. */
  response: HttpResponse;
  descriptor: Descriptor;
  /** First byte of the wanted part. */
  first: number;
  /** Last byte of the wanted part. */
  last: number;
  /** Asks again, from a byte on, where it is still the same (`If-Range`). */
  reopen: (first: number, entityTag?: string) => Promise<HttpResponse>;
  /** How often a broken connection is taken up again. */
  retries: number;
  signal: AbortSignal | undefined;
}

/** Reads content. Where the connection breaks, the rest is asked for by its range, so that nothing is fetched twice. */
export async function* readBody(options: BodyOptions): AsyncGenerator<Uint8Array> {
  const { descriptor, last, reopen, retries, signal } = options;
  let { response } = options;
  let position = options.first;
  const entityTag = strongTag(response);
  for (let attempt = 0; ; attempt++) {
    const start = position;
    try {
      for await (const chunk of fromPosition(response, position, descriptor)) {
        position += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      if (!isPassing(error)) throw error;
      // All bytes came, only the end of the message did not; the digest decides.
      if (position > last) return;
      // A connection that breaks again and again still gets it there.
      if (position - start >= PROGRESS) attempt = 0;
      if (attempt >= retries) throw error;
      await waitBeforeRetry(attempt, undefined, signal);
      const next = await reopen(position, entityTag);
      // The first failure says more than the answer to the second question.
      if (next.status !== 200 && next.status !== 206) {
        await next.discard();
        throw error;
      }
      response = next;
    }
  }
}

/** An entity tag by which bytes are the same (RFC 9110, section 8.8.3); a weak one does not say so. */
function strongTag(response: HttpResponse): string | undefined {
  const tag = singleHeader(response, 'etag');
  return tag !== undefined && /^"[\x21\x23-\x7e]{1,256}"$/.test(tag) ? tag : undefined;
}

/** A registry may ignore the range and send everything: then the beginning is left out. */
async function* fromPosition(
  response: HttpResponse,
  position: number,
  descriptor: Descriptor,
): AsyncGenerator<Uint8Array> {
  let skip = position;
  if (response.status === 206) {
    const range = singleHeader(response, 'content-range') ?? '';
    if (!range.startsWith(`bytes ${position}-`)) {
      await response.discard();
      throw new OciError(
        'ERR_OCI_INVALID_RESPONSE',
        `${response.url.host} sent another part of ${descriptor.digest} than it was asked for`,
        { registry: response.url.host },
      );
    }
    skip = 0;
  }
  for await (const chunk of response.body) {
    const rest = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - rest.length;
    if (rest.length > 0) yield rest;
  }
}
