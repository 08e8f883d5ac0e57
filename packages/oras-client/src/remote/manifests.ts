import { type CallOptions, chunksOf, type Content } from '../content/content.ts';
import type { FetchedReference } from '../content/fetch.ts';
import { parseManifest } from '../content/manifest.ts';
import { referrerDescriptor } from '../content/referrer.ts';
import { type Descriptor, isManifest, MANIFEST_MEDIA_TYPES, MAX_MANIFEST_SIZE } from '../descriptor.ts';
import { digestOf, parseDigest, verified, verifyBytes } from '../digest.ts';
import { OciError } from '../errors.ts';
import { printable } from '../printable.ts';
import type { HttpResponse } from './http-client.ts';
import { addToReferrersTag } from './referrers-tag.ts';
import { hasReferrersApi } from './referrers.ts';
import { mediaTypeOf, type RepositoryApi, singleHeader } from './repository-api.ts';
import { isPassing, waitBeforeRetry } from './retry.ts';
import type { RegistrySession } from './session.ts';

/**
 * Resolves by HEAD.
 *
 * @returns `undefined` where only a GET can tell: proxies without HEAD, registries that leave the digest out.
 * @throws {OciError} `ERR_OCI_NOT_FOUND`, `ERR_OCI_UNAUTHORIZED` and others.
 */
export async function headManifest(
  session: RegistrySession,
  api: RepositoryApi,
  reference: string,
  options: CallOptions,
): Promise<Descriptor | undefined> {
  const response = await requestManifest(session, api, 'HEAD', reference, options);
  return readHead(session, api, reference, response);
}

/**
 * Asks by a conditional HEAD whether a reference still means a digest. The entity tag of a manifest is its digest (as `distribution` and registries made of it
 * have it); a registry that knows no such tags answers in full, which is as good.
 *
 * @returns `unchanged`; the descriptor of what it means now; or `undefined` where only a GET can tell.
 */
export async function headManifestUnless(
  session: RegistrySession,
  api: RepositoryApi,
  reference: string,
  digest: string,
  options: CallOptions,
): Promise<Descriptor | 'unchanged' | undefined> {
  const condition = { 'if-none-match': `"${digest}"` };
  const response = await requestManifest(session, api, 'HEAD', reference, options, condition);
  if (response.status === 304) {
    await response.discard();
    return 'unchanged';
  }
  const found = await readHead(session, api, reference, response);
  return found?.digest === digest ? 'unchanged' : found;
}

async function readHead(
  session: RegistrySession,
  api: RepositoryApi,
  reference: string,
  response: HttpResponse,
): Promise<Descriptor | undefined> {
  await response.discard();
  // A GET would not find it either; and a refused password must not be sent again.
  if (response.status === 404 || response.status === 401) throw await api.error(response, `HEAD manifest ${reference}`);
  const digest = singleHeader(response, 'docker-content-digest');
  const size = Number(singleHeader(response, 'content-length'));
  const mediaType = mediaTypeOf(response);
  if (response.status !== 200 || digest === undefined || !isManifest({ mediaType })) return undefined;
  if (!Number.isSafeInteger(size) || size <= 0) return undefined;
  parseDigest(digest);
  return checkServed(session, api, { mediaType, digest, size }, reference);
}

/** Fetches a manifest by tag or digest, verified. @throws {OciError}. */
export async function getManifest(
  session: RegistrySession,
  api: RepositoryApi,
  reference: string,
  options: CallOptions,
): Promise<FetchedReference> {
  for (let attempt = 0; ; attempt++) {
    const response = await requestManifest(session, api, 'GET', reference, options);
    if (response.status !== 200) throw await api.error(response, `GET manifest ${reference}`);
    try {
      return await readManifest(session, api, reference, response);
    } catch (error) {
      // The connection may break in the middle of the answer as well.
      if (attempt >= session.retries || !isPassing(error)) throw error;
      await waitBeforeRetry(attempt, undefined, options.signal);
    }
  }
}

/** A manifest to push. */
export interface ManifestPut {
  descriptor: Descriptor;
  content: Content;
  /** Tag or digest. */
  reference: string;
  options: CallOptions;
}

/** Pushes a manifest; one with a subject is put into the list of referrers where the registry does not do so itself. */
export async function putManifest(session: RegistrySession, api: RepositoryApi, put: ManifestPut): Promise<void> {
  const { descriptor, content, reference, options } = put;
  const bytes = content instanceof Uint8Array ? content : await collect(content, descriptor);
  verifyBytes(bytes, descriptor);
  const manifest = parseManifest(bytes, descriptor);
  const response = await session.send({
    method: 'PUT',
    to: manifestPath(api, reference),
    headers: { 'content-type': descriptor.mediaType },
    body: bytes,
    scope: api.scope('pull,push'),
    signal: options.signal,
  });
  if (response.status !== 201 && response.status !== 200) throw await api.error(response, `PUT manifest ${reference}`);
  await response.discard();
  const stored = singleHeader(response, 'docker-content-digest');
  // A tag may be answered with the digest of another algorithm.
  if (stored?.startsWith(`${parseDigest(descriptor.digest).algorithm}:`) && stored !== descriptor.digest) {
    throw new OciError(
      'ERR_OCI_DIGEST_MISMATCH',
      `${session.registry} stored the manifest as ${stored.slice(0, 160)}, not as ${descriptor.digest}`,
      { registry: session.registry, repository: api.name, operation: `PUT manifest ${reference}` },
    );
  }
  if (!manifest.subject || (await hasReferrersApi(session, api, manifest.subject, options))) return;
  const entry = referrerDescriptor(descriptor, manifest);
  await addToReferrersTag(session, api, manifest.subject, entry, options.signal);
}

function requestManifest(
  session: RegistrySession,
  api: RepositoryApi,
  method: 'GET' | 'HEAD',
  reference: string,
  { signal }: CallOptions,
  headers: Record<string, string> = {},
): Promise<HttpResponse> {
  return session.send({
    method,
    to: manifestPath(api, reference),
    headers: { accept: MANIFEST_MEDIA_TYPES.join(', '), ...headers },
    scope: api.scope('pull'),
    signal,
  });
}

async function readManifest(
  session: RegistrySession,
  api: RepositoryApi,
  reference: string,
  response: HttpResponse,
): Promise<FetchedReference> {
  const mediaType = mediaTypeOf(response);
  if (!isManifest({ mediaType })) {
    await response.discard();
    throw noManifest(session, api, reference, mediaType);
  }
  const bytes = await response.bytes(MAX_MANIFEST_SIZE);
  const claimed = isDigest(reference) ? reference : singleHeader(response, 'docker-content-digest');
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  if (claimed?.startsWith('sha512:')) {
    descriptor.digest = claimed;
    verifyBytes(bytes, descriptor);
  }
  const fetched = { descriptor: checkServed(session, api, descriptor, claimed ?? ''), bytes };
  checkMediaType(session, api, fetched);
  return fetched;
}

function noManifest(session: RegistrySession, api: RepositoryApi, reference: string, mediaType: string): OciError {
  const schema1 = mediaType.startsWith('application/vnd.docker.distribution.manifest.v1+');
  return new OciError(
    'ERR_OCI_INVALID_RESPONSE',
    schema1
      ? `${session.registry}/${api.name} keeps ${reference} as Docker image manifest schema 1, which is not read`
      : `${session.registry} answered with ${printable(mediaType) || 'no media type'} where a manifest was asked for`,
    {
      registry: session.registry,
      repository: api.name,
      operation: `GET manifest ${reference}`,
      status: 200,
      ...(schema1 ? { hint: 'Push it again with a tool of this decade: schema 1 was given up in 2015.' } : {}),
    },
  );
}

/** A manifest says itself what it is, and must say the same as the header (image-spec manifest.md, `mediaType`; CVE-2021-41190). */
function checkMediaType(session: RegistrySession, api: RepositoryApi, { bytes, descriptor }: FetchedReference): void {
  let stated: unknown;
  try {
    stated = (JSON.parse(Buffer.from(bytes).toString('utf8')) as { mediaType?: unknown } | null)?.mediaType;
  } catch {
    // Whoever parses it says what is wrong.
    return;
  }
  if (stated === undefined || stated === descriptor.mediaType) return;
  throw new OciError(
    'ERR_OCI_INVALID_MANIFEST',
    `manifest ${descriptor.digest} says it is ${printable(JSON.stringify(stated)).slice(0, 128)}, but was served as ${descriptor.mediaType}`,
    { registry: session.registry, repository: api.name },
  );
}

function checkServed(
  { registry }: RegistrySession,
  api: RepositoryApi,
  descriptor: Descriptor,
  claimed: string,
): Descriptor {
  if (!isDigest(claimed) || claimed === descriptor.digest) return descriptor;
  throw new OciError(
    'ERR_OCI_DIGEST_MISMATCH',
    `${registry}/${api.name} served a manifest with digest ${descriptor.digest} as ${claimed.slice(0, 160)}`,
    { registry, repository: api.name },
  );
}

/** Tags have no colon. */
function isDigest(reference: string): boolean {
  return reference.includes(':');
}

function manifestPath(api: RepositoryApi, reference: string): string {
  return `/v2/${api.path}/manifests/${reference}`;
}

async function collect(content: () => AsyncIterable<Uint8Array>, descriptor: Descriptor): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of verified(chunksOf(content), descriptor)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
