import type { CallOptions, Content } from '../content/content.ts';
import type { Descriptor } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import { allowedUrl } from './allowed-url.ts';
import type { HttpResponse } from './http-client.ts';
import { type RepositoryApi, singleHeader } from './repository-api.ts';
import type { RegistrySession } from './session.ts';

/** Milliseconds for telling a registry that an upload is given up. */
const CANCEL_TIMEOUT_MS = 2_000;
/** A registry's own smallest chunk is kept to up to this size, in bytes: chunks are held in memory. */
const MAX_MIN_CHUNK = 64 * 1024 * 1024;

/** A blob on its way. */
export interface Upload {
  session: RegistrySession;
  api: RepositoryApi;
  descriptor: Descriptor;
  content: Content;
  /** Another repository of the registry that has the blob: it is mounted where the registry can do so. */
  from?: string | undefined;
  options: CallOptions;
}

/** An upload that the registry opened. */
export interface Place {
  /** Where the next bytes go; the registry may name another place with every answer. */
  url: URL;
  /** Bytes that the registry has. */
  offset: number;
  /** Smallest chunk that the registry takes, but for the last one (`OCI-Chunk-Min-Length`). */
  minChunk: number;
}

/**
 * Opens an upload, or mounts the blob (distribution-spec, "Pushing blobs" and "Mounting a blob from another repository").
 *
 * @returns `undefined` where it was mounted.
 */
export async function openUpload(upload: Upload, from: string | undefined): Promise<Place | undefined> {
  const { session, api, descriptor, options } = upload;
  const mount = from === undefined ? '' : `?mount=${descriptor.digest}&from=${encodeURIComponent(from)}`;
  const response = await session.send({
    method: 'POST',
    to: `/v2/${api.path}/blobs/uploads/${mount}`,
    body: new Uint8Array(0),
    scope: from === undefined ? api.scope('pull,push') : `${api.scope('pull,push')} repository:${from}:pull`,
    signal: options.signal,
  });
  if (from !== undefined && response.status === 201) {
    await response.discard();
    return undefined;
  }
  if (from !== undefined && response.status !== 202) {
    // Registries refuse mounts in many ways; the plain upload shows whether something is really wrong.
    await response.discard();
    return openUpload(upload, undefined);
  }
  if (response.status !== 202) throw await api.error(response, `POST upload of ${descriptor.digest}`);
  await response.discard();
  const url = nextLocation(upload, response);
  if (!url) {
    const details = { registry: session.registry, repository: api.name };
    throw new OciError('ERR_OCI_INVALID_RESPONSE', `${session.registry} opened an upload without a location`, details);
  }
  const minChunk = Number(singleHeader(response, 'oci-chunk-min-length') ?? 0);
  return { url, offset: 0, minChunk: minChunk > 0 ? Math.min(minChunk, MAX_MIN_CHUNK) : 0 };
}

/** The place that an answer names for what comes next. @throws {OciError} for one that is not allowed. */
export function nextLocation({ session }: Upload, response: HttpResponse): URL | undefined {
  const location = singleHeader(response, 'location');
  return location === undefined ? undefined : allowedUrl(location, response.url, session.base, 'a place for an upload');
}

/**
 * Asks how much of an upload the registry has (distribution-spec, "Pushing a blob in chunks").
 *
 * @returns `undefined` where it does not tell, or tells what cannot be: then the upload begins again.
 */
export async function uploadState(upload: Upload, place: Place): Promise<Place | undefined> {
  const { session, api, descriptor, options } = upload;
  const response = await session
    .send({
      method: 'GET',
      to: place.url,
      scope: api.scope('pull,push'),
      followRedirects: false,
      signal: options.signal,
    })
    .catch((error: unknown) => {
      if (options.signal?.aborted) throw error;
    });
  if (!response) return undefined;
  await response.discard();
  if (![200, 202, 204].includes(response.status)) return undefined;
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(singleHeader(response, 'range') ?? '')?.[1]);
  // "0-0" is one byte, but distribution also says it for none.
  if (!Number.isSafeInteger(last) || last === 0 || last >= descriptor.size) return undefined;
  return { ...place, url: nextLocation(upload, response) ?? place.url, offset: last + 1 };
}

/** Tells the registry that nothing more comes; whether it hears does not matter. */
export async function cancelUpload({ session, api }: Upload, { url }: Place): Promise<void> {
  if (url.origin !== session.base.origin) return;
  const signal = AbortSignal.timeout(CANCEL_TIMEOUT_MS);
  await session
    .send({ method: 'DELETE', to: url, scope: api.scope('pull,push'), retries: 0, atOnce: true, signal })
    .then((response) => response.discard())
    .catch(() => undefined);
}

/** The URL that ends an upload. */
export function closingUrl({ url }: Place, digest: string): URL {
  const closing = new URL(url);
  // Not by way of searchParams, which would write the registry's own part anew: it may be signed.
  closing.search += `${closing.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return closing;
}
