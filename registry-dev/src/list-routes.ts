import { hash } from 'node:crypto';
import type { Behaviour } from './behaviour.ts';
import { matchesEntityTag } from './conditions.ts';
import type { Exchange, Methods } from './exchange.ts';
import type { ReferrerDescriptor } from './manifest-shape.ts';
import type { ManifestStore } from './manifest-store.ts';
import { requireDigest } from './names.ts';
import { RegistryProblem } from './registry-problem.ts';
import { bytesReply, emptyReply, jsonReply, pageReply, type Reply } from './reply.ts';

const MEDIA_TYPE_INDEX = 'application/vnd.oci.image.index.v1+json';
/** A list of referrers is a manifest, and clients read no longer one (distribution-spec, "Pushing Manifests"); more come by pages. */
const MAX_LIST_SIZE = 4 * 1024 * 1024 - 1024;

/** `/v2/<name>/tags/list`. */
export function tagRoutes(manifests: ManifestStore, { lastInclusive = false }: Behaviour): Methods {
  const listTags = ({ headers, url, repository }: Exchange): Reply => {
    if (!manifests.exists(repository))
      throw new RegistryProblem('NAME_UNKNOWN', `there is no repository ${repository}`);
    const names = manifests.tags(repository);
    const entityTag = `"${hash('sha256', `${url.search} ${names.join(' ')}`, 'hex')}"`;
    if (matchesEntityTag(headers['if-none-match'], entityTag)) return emptyReply(304, { etag: entityTag });
    return pageReply(url, {
      member: 'tags',
      names,
      extra: { name: repository },
      headers: { etag: entityTag },
      lastInclusive,
    });
  };
  return { GET: listTags, HEAD: listTags };
}

/**
 * `/v2/<name>/referrers/<digest>` (distribution-spec, "Listing Referrers"): filtered by `artifactType`, in pages by `Link` where `n` asks
 * for them or the list is longer than a manifest may be.
 */
export function referrerRoutes(manifests: ManifestStore, { referrersApi, referrersFilter = true }: Behaviour): Methods {
  const listReferrers = ({ url, repository, rest }: Exchange): Reply => {
    if (referrersApi === 'page') return webPage();
    const wanted = referrersFilter ? url.searchParams.get('artifactType') : null;
    const last = url.searchParams.get('last');
    const list = manifests
      .referrers(repository, requireDigest(rest))
      .filter(({ artifactType, digest }) => (wanted === null || artifactType === wanted) && (!last || digest > last));
    const page = list.slice(0, pageLength(list, url.searchParams.get('n')));
    const headers: Record<string, string> = { 'content-type': MEDIA_TYPE_INDEX };
    if (wanted !== null) headers['oci-filters-applied'] = 'artifactType';
    const end = page.at(-1);
    if (end && page.length < list.length) {
      const next = new URL(url);
      next.searchParams.set('last', end.digest);
      headers['link'] = `<${next.pathname}${next.search}>; rel="next"`;
    }
    return jsonReply(200, { schemaVersion: 2, mediaType: MEDIA_TYPE_INDEX, manifests: page }, headers);
  };
  return { GET: listReferrers, HEAD: listReferrers };
}

function pageLength(list: readonly ReferrerDescriptor[], asked: string | null): number {
  const most = asked !== null && /^[1-9]\d{0,8}$/.test(asked) ? Number(asked) : list.length;
  let size = 0;
  let length = 0;
  for (const descriptor of list.slice(0, most)) {
    size += Buffer.byteLength(JSON.stringify(descriptor)) + 1;
    if (size > MAX_LIST_SIZE && length > 0) break;
    length++;
  }
  return length;
}

function webPage(): Reply {
  const text = '<!doctype html><title>Sign in</title>';
  return bytesReply(200, { 'content-type': 'text/html; charset=utf-8' }, Buffer.from(text));
}
