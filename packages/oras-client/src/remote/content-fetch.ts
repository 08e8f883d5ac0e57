import type { FetchOptions } from '../content/content.ts';
import { slice } from '../content/range.ts';
import { type Descriptor, isManifest } from '../descriptor.ts';
import { verifiedUnless } from '../digest.ts';
import { readBody } from './blob-body.ts';
import { type OpenRange, partSize, readParts } from './blob-parts.ts';
import type { Endpoint } from './endpoints.ts';

/** From this size on, in bytes, a blob may be fetched over several connections. */
const PARTS_FROM = 64 * 1024 * 1024;

/**
 * Asks for a manifest or blob, or for a part of it.
 *
 * @returns its bytes, verified while they flow; a part by its length only.
 * @throws {OciError} where the registry does not have it.
 */
export async function fetchContent(
  { session, api }: Endpoint,
  descriptor: Descriptor,
  { range, signal, verify }: FetchOptions,
): Promise<AsyncIterable<Uint8Array>> {
  const kind = isManifest(descriptor) ? 'manifest' : 'blob';
  const end = descriptor.size - 1;
  const open: OpenRange = (from, to, innerSignal, entityTag) =>
    session.send({
      method: 'GET',
      to: `/v2/${api.path}/${kind}s/${descriptor.digest}`,
      headers: {
        ...(kind === 'manifest' ? { accept: descriptor.mediaType } : {}),
        ...(from > 0 || to < end ? { range: `bytes=${from}-${to}` } : {}),
        ...(entityTag === undefined ? {} : { 'if-range': entityTag }),
        // The digest is of the bytes as they are; a compressed transfer would have others.
        'accept-encoding': 'identity',
      },
      scope: api.scope('pull'),
      signal: innerSignal,
    });
  const connections = kind === 'blob' && !range && descriptor.size >= PARTS_FROM ? session.rangeConnections : 1;
  const [first, last] = range ?? [0, end];
  const response = await open(first, connections > 1 ? partSize(connections) - 1 : last, signal);
  if (response.status !== 200 && !((range || connections > 1) && response.status === 206)) {
    throw await api.error(response, `GET ${kind} ${descriptor.digest}`);
  }
  const { retries } = session;
  // A registry that knows no ranges sends everything, over one connection.
  if (connections > 1 && response.status === 206) {
    return verifiedUnless(verify, readParts({ response, descriptor, open, connections, retries, signal }), descriptor);
  }
  const reopen = (from: number, entityTag?: string): ReturnType<OpenRange> => open(from, last, signal, entityTag);
  const body = readBody({ response, descriptor, first, last, reopen, retries, signal });
  return range ? slice(body, 0, last - first + 1) : verifiedUnless(verify, body, descriptor);
}
