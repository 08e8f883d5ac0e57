import { type CallOptions, chunksOf, type Content } from '../content/content.ts';
import type { Descriptor } from '../descriptor.ts';
import { verified, verifyBytes } from '../digest.ts';
import { OciError } from '../errors.ts';
import { allowedUrl } from './allowed-url.ts';
import type { HttpResponse } from './http-client.ts';
import { type RepositoryApi, singleHeader } from './repository-api.ts';
import { isPassing, isPassingStatus, waitBeforeRetry } from './retry.ts';
import type { RegistrySession } from './session.ts';

/** Milliseconds for telling a registry that an upload is given up. */
const CANCEL_TIMEOUT_MS = 2_000;
/** Blobs up to this size, in bytes, are sent from memory: streams cost more than they save. */
const SMALL = 256 * 1024;

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

/**
 * Uploads a blob: POST opens an upload, one PUT sends it whole (distribution-spec, "POST then PUT"). That is the way that every registry
 * takes; chunks are not. A transfer that broke begins again with a new upload, since nobody knows what the old one has.
 */
export async function uploadBlob(upload: Upload): Promise<'mounted' | 'uploaded'> {
  const { session, api, descriptor, options } = upload;
  if (upload.content instanceof Uint8Array) verifyBytes(upload.content, descriptor);
  for (let attempt = 0; ; attempt++) {
    const location = await openUpload(upload, attempt === 0 ? upload.from : undefined);
    if (location === undefined) return 'mounted';
    let stored: HttpResponse | undefined;
    try {
      stored = await sendBlob(upload, location);
    } catch (error) {
      if (options.signal?.aborted || attempt >= session.retries || !isPassing(error)) {
        await cancelUpload(upload, location);
        throw error;
      }
    }
    if (stored && (attempt >= session.retries || !isPassingStatus(stored.status))) {
      if (stored.status !== 201 && stored.status !== 204) {
        throw await api.error(stored, `PUT blob ${descriptor.digest}`);
      }
      await stored.discard();
      checkStored(upload, singleHeader(stored, 'docker-content-digest'));
      return 'uploaded';
    }
    await stored?.discard();
    await waitBeforeRetry(attempt, stored?.headers['retry-after'], options.signal);
  }
}

/** @returns where to send the blob, or `undefined` where it was mounted. */
async function openUpload(upload: Upload, from: string | undefined): Promise<URL | undefined> {
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
  const location = singleHeader(response, 'location');
  if (location === undefined) {
    const details = { registry: session.registry, repository: api.name };
    throw new OciError('ERR_OCI_INVALID_RESPONSE', `${session.registry} opened an upload without a location`, details);
  }
  return allowedUrl(location, response.url, session.base, 'a place for an upload');
}

async function sendBlob({ session, api, descriptor, content, options }: Upload, location: URL): Promise<HttpResponse> {
  const url = new URL(location);
  // Not by way of searchParams, which would write the registry's own part anew: it may be signed.
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(descriptor.digest)}`;
  const body = descriptor.size <= SMALL ? await collect(content, descriptor) : content;
  return session.send({
    method: 'PUT',
    to: url,
    headers: { 'content-type': 'application/octet-stream' },
    body: body instanceof Uint8Array ? body : () => verifiedBeforeEnd(body(), descriptor),
    bodySize: descriptor.size,
    scope: api.scope('pull,push'),
    retries: 0,
    signal: options.signal,
  });
}

async function collect(content: Content, descriptor: Descriptor): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of verified(chunksOf(content), descriptor)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The last chunk is held back until the content is verified: a file that changed since it was hashed never arrives whole. */
async function* verifiedBeforeEnd(
  source: AsyncIterable<Uint8Array>,
  descriptor: Descriptor,
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined;
  for await (const chunk of verified(source, descriptor)) {
    if (held) yield held;
    held = chunk;
  }
  if (held) yield held;
}

/** Tells the registry that nothing more comes; whether it hears does not matter. */
async function cancelUpload({ session, api }: Upload, location: URL): Promise<void> {
  if (location.origin !== session.base.origin) return;
  const signal = AbortSignal.timeout(CANCEL_TIMEOUT_MS);
  await session
    .send({ method: 'DELETE', to: location, scope: api.scope('pull,push'), retries: 0, signal })
    .then((response) => response.discard())
    .catch(() => undefined);
}

/** distribution 2.8 takes a sha512 upload and keeps it under a sha256 digest, where nobody finds it. */
function checkStored({ session, api, descriptor }: Upload, stored: string | undefined): void {
  if (!stored || stored === descriptor.digest) return;
  const message = `${session.registry} stored the blob as ${stored.slice(0, 160)}, not as ${descriptor.digest}`;
  throw new OciError('ERR_OCI_DIGEST_MISMATCH', message, {
    registry: session.registry,
    repository: api.name,
    operation: `PUT blob ${descriptor.digest}`,
    ...(descriptor.digest.startsWith('sha256:')
      ? {}
      : { hint: 'This registry knows sha256 only; use sha256 digests.' }),
  });
}
