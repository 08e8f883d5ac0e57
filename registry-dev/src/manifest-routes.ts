import { readBody } from './body.ts';
import type { Exchange, Methods } from './exchange.ts';
import type { ManifestStore } from './manifest-store.ts';
import { isDigest, isTag } from './names.ts';
import { RegistryProblem } from './registry-problem.ts';
import { sendCreated } from './responses.ts';

/** Manifests are taken up to this size (distribution-spec, "Pushing Manifests"). */
const MAX_MANIFEST_SIZE = 4 * 1024 * 1024;
/** Tags of one push. */
const MAX_TAGS = 100;

/** `/v2/<name>/manifests/<tag or digest>`. @param nameSubject - whether `OCI-Subject` says that the referrers API lists it. */
export function manifestRoutes(manifests: ManifestStore, nameSubject: boolean): Methods {
  const getManifest = async ({ request, response, repository, rest }: Exchange): Promise<void> => {
    const { digest, mediaType, bytes } = await manifests.get(repository, rest);
    response.setHeader('docker-content-digest', digest);
    response.setHeader('etag', `"${digest}"`);
    if (request.headers['if-none-match'] === `"${digest}"`) return void response.writeHead(304).end();
    response.writeHead(200, { 'content-type': mediaType, 'content-length': bytes.length });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };

  const putManifest = async ({ request, response, url, repository, rest }: Exchange): Promise<void> => {
    const mediaType = request.headers['content-type']?.split(';')[0]?.trim();
    if (!mediaType) throw new RegistryProblem('MANIFEST_INVALID', 'no Content-Type');
    const tags = isDigest(rest) ? tagParameters(url) : [];
    const bytes = await readBody(request, MAX_MANIFEST_SIZE);
    const { digest, subject } = await manifests.put(repository, rest, mediaType, bytes);
    for (const tag of tags) await manifests.tag(repository, tag, digest);
    if (tags.length > 0) response.setHeader('oci-tag', tags);
    if (subject !== undefined && nameSubject) response.setHeader('oci-subject', subject);
    sendCreated(response, `/v2/${repository}/manifests/${rest}`, digest);
  };

  const deleteManifest = async ({ response, repository, rest }: Exchange): Promise<void> => {
    await manifests.delete(repository, rest);
    response.writeHead(202).end();
  };

  return { GET: getManifest, HEAD: getManifest, PUT: putManifest, DELETE: deleteManifest };
}

/** A push by digest may name its tags (distribution-spec 1.2 draft, "Pushing Manifests"). */
function tagParameters(url: URL): string[] {
  const tags = url.searchParams.getAll('tag');
  if (tags.length > MAX_TAGS || !tags.every(isTag)) throw new RegistryProblem('MANIFEST_INVALID', 'not a list of tags');
  return tags;
}
