import type { FetchOptions } from '../content/content.ts';
import { slice } from '../content/range.ts';
import { type Descriptor, isManifest } from '../descriptor.ts';
import { verified } from '../digest.ts';
import { readBody } from './blob-body.ts';
import type { Endpoint } from './endpoints.ts';
import type { HttpResponse } from './http-client.ts';

/**
 * Asks for a manifest or blob, or for a part of it.
 *
 * @returns its bytes, verified while they flow; a part by its length only.
 * @throws {OciError} where the registry does not have it.
 */
export async function fetchContent(
  { session, api }: Endpoint,
  descriptor: Descriptor,
  { range, signal }: FetchOptions,
): Promise<AsyncIterable<Uint8Array>> {
  const kind = isManifest(descriptor) ? 'manifest' : 'blob';
  const [first, last] = range ?? [0, descriptor.size - 1];
  const open = (from: number, entityTag?: string): Promise<HttpResponse> =>
    session.send({
      method: 'GET',
      to: `/v2/${api.path}/${kind}s/${descriptor.digest}`,
      headers: {
        ...(kind === 'manifest' ? { accept: descriptor.mediaType } : {}),
        ...(range || from > 0 ? { range: `bytes=${from}-${last}` } : {}),
        ...(entityTag === undefined ? {} : { 'if-range': entityTag }),
        // The digest is of the bytes as they are; a compressed transfer would have others.
        'accept-encoding': 'identity',
      },
      scope: api.scope('pull'),
      signal,
    });
  const response = await open(first);
  if (response.status !== 200 && !(range && response.status === 206)) {
    throw await api.error(response, `GET ${kind} ${descriptor.digest}`);
  }
  const body = readBody({ response, descriptor, first, last, reopen: open, retries: session.retries, signal });
  return range ? slice(body, 0, last - first + 1) : verified(body, descriptor);
}
