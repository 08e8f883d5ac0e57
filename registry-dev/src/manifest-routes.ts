import type { Behaviour } from './behaviour.ts';
import { readBody } from './body.ts';
import { matchesEntityTag } from './conditions.ts';
import type { Exchange, Methods } from './exchange.ts';
import { requireAcceptable } from './manifest-shape.ts';
import type { ManifestStore } from './manifest-store.ts';
import { isDigest, isTag } from './names.ts';
import { RegistryProblem } from './registry-problem.ts';
import { createdReply, emptyReply, type Reply } from './reply.ts';

/** Manifests are taken up to this size (distribution-spec, "Pushing Manifests"). */
export const MAX_MANIFEST_SIZE: number = 4 * 1024 * 1024;
/** Tags of one push. */
const MAX_TAGS = 100;

/** `/v2/<name>/manifests/<tag or digest>`. */
export function manifestRoutes(manifests: ManifestStore, behaviour: Behaviour): Methods {
  const nameSubject = behaviour.subjectHeader ?? (behaviour.referrersApi ?? true) === true;

  const getManifest = ({ headers, repository, rest }: Exchange): Reply => {
    const { digest, mediaType, bytes } = manifests.get(repository, rest);
    const known = { 'docker-content-digest': digest, etag: `"${digest}"` };
    if (matchesEntityTag(headers['if-none-match'], known.etag)) return emptyReply(304, known);
    const described = { ...known, 'content-type': mediaType, 'content-length': bytes.length };
    return { status: 200, headers: described, body: bytes };
  };

  const putManifest = async ({ headers, url, repository, rest, body }: Exchange): Promise<Reply> => {
    const mediaType = headers['content-type']?.split(';')[0]?.trim();
    if (!mediaType) throw new RegistryProblem('MANIFEST_INVALID', 'no Content-Type');
    const tags = isDigest(rest) ? tagParameters(url) : [];
    const bytes = await readBody(body(), MAX_MANIFEST_SIZE);
    requireAcceptable(bytes, behaviour);
    const { digest, subject } = await manifests.put(repository, rest, { mediaType, bytes, tags });
    return createdReply(`/v2/${repository}/manifests/${rest}`, digest, {
      ...(tags.length > 0 ? { 'oci-tag': tags } : {}),
      ...(subject !== undefined && nameSubject ? { 'oci-subject': subject } : {}),
    });
  };

  const deleteManifest = async ({ repository, rest }: Exchange): Promise<Reply> => {
    await manifests.delete(repository, rest);
    return emptyReply(202);
  };

  return { GET: getManifest, HEAD: getManifest, PUT: putManifest, DELETE: deleteManifest };
}

/** A push by digest may name its tags (distribution-spec 1.2 draft, "Pushing Manifests"). */
function tagParameters(url: URL): string[] {
  const tags = url.searchParams.getAll('tag');
  if (tags.length > MAX_TAGS || !tags.every(isTag)) throw new RegistryProblem('MANIFEST_INVALID', 'not a list of tags');
  return tags;
}
