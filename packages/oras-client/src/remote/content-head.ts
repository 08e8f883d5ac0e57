import type { CallOptions } from '../content/content.ts';
import { type Descriptor, isManifest, MANIFEST_MEDIA_TYPES } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import type { HttpResponse } from './http-client.ts';
import { type RepositoryApi, singleHeader } from './repository-api.ts';
import type { RegistrySession } from './session.ts';

/** Proxies that offer no HEAD answer like this. */
const NO_HEAD: ReadonlySet<number> = new Set([405, 501]);

/** Whether the registry has a manifest or blob. @throws {OciError}. */
export async function contentExists(
  session: RegistrySession,
  api: RepositoryApi,
  descriptor: Descriptor,
  options: CallOptions,
): Promise<boolean> {
  const kind = isManifest(descriptor) ? 'manifest' : 'blob';
  // A push follows almost always; asking for both rights at once saves a token request.
  const response = await head(session, api, `${kind}s/${descriptor.digest}`, 'pull,push', options);
  if (response.status === 200 || response.status === 206) return true;
  if (response.status === 404) return false;
  throw await api.error(response, `HEAD ${kind} ${descriptor.digest}`);
}

/** The size of a blob. @throws {OciError}. */
export async function headBlob(
  session: RegistrySession,
  api: RepositoryApi,
  digest: string,
  options: CallOptions,
): Promise<Descriptor> {
  const response = await head(session, api, `blobs/${digest}`, 'pull', options);
  if (response.status !== 200 && response.status !== 206) throw await api.error(response, `HEAD blob ${digest}`);
  const whole = /\/(\d+)$/.exec(singleHeader(response, 'content-range') ?? '')?.[1];
  const size = Number(response.status === 206 ? whole : singleHeader(response, 'content-length'));
  if (Number.isSafeInteger(size) && size >= 0) return { mediaType: 'application/octet-stream', digest, size };
  throw new OciError('ERR_OCI_INVALID_RESPONSE', `${session.registry} does not tell the size of blob ${digest}`, {
    registry: session.registry,
    repository: api.name,
    operation: `HEAD blob ${digest}`,
  });
}

/** Where there is no HEAD, one byte is asked for. */
async function head(
  session: RegistrySession,
  api: RepositoryApi,
  path: string,
  actions: string,
  { signal }: CallOptions,
): Promise<HttpResponse> {
  const accept = path.startsWith('manifests/') ? { accept: MANIFEST_MEDIA_TYPES.join(', ') } : {};
  const request = { to: `/v2/${api.path}/${path}`, scope: api.scope(actions), signal };
  const response = await session.send({ ...request, method: 'HEAD', headers: accept });
  await response.discard();
  if (!NO_HEAD.has(response.status)) return response;
  const got = await session.send({ ...request, method: 'GET', headers: { ...accept, range: 'bytes=0-0' } });
  if (got.status === 200 || got.status === 206) await got.discard();
  return got;
}
