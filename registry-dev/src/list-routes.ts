import { createHash } from 'node:crypto';
import type { Exchange, Methods } from './exchange.ts';
import type { ManifestStore } from './manifest-store.ts';
import { requireDigest } from './names.ts';
import { RegistryProblem } from './registry-problem.ts';
import { sendJson, sendPage } from './responses.ts';

const MEDIA_TYPE_INDEX = 'application/vnd.oci.image.index.v1+json';

/** `/v2/<name>/tags/list`. */
export function tagRoutes(manifests: ManifestStore): Methods {
  const listTags = async ({ request, response, url, repository }: Exchange): Promise<void> => {
    if (!(await manifests.exists(repository)))
      throw new RegistryProblem('NAME_UNKNOWN', `there is no repository ${repository}`);
    const names = await manifests.tags(repository);
    const entityTag = `"${createHash('sha256')
      .update(`${url.search} ${names.join(' ')}`)
      .digest('hex')}"`;
    response.setHeader('etag', entityTag);
    if (request.headers['if-none-match'] === entityTag) return void response.writeHead(304).end();
    sendPage(response, url, { member: 'tags', names, extra: { name: repository } });
  };
  return { GET: listTags, HEAD: listTags };
}

/** `/v2/<name>/referrers/<digest>`. */
export function referrerRoutes(manifests: ManifestStore): Methods {
  const listReferrers = async ({ response, url, repository, rest }: Exchange): Promise<void> => {
    const wanted = url.searchParams.get('artifactType');
    const all = await manifests.referrers(repository, requireDigest(rest));
    if (wanted !== null) response.setHeader('oci-filters-applied', 'artifactType');
    const list = wanted === null ? all : all.filter(({ artifactType }) => artifactType === wanted);
    sendJson(response, 200, { schemaVersion: 2, mediaType: MEDIA_TYPE_INDEX, manifests: list }, MEDIA_TYPE_INDEX);
  };
  return { GET: listReferrers, HEAD: listReferrers };
}
