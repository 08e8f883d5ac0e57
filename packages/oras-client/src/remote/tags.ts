import type { CallOptions } from '../content/content.ts';
import { MAX_MANIFEST_SIZE } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import { followPages, nextPage, type Page } from './link.ts';
import { type RepositoryApi, singleHeader } from './repository-api.ts';
import type { RegistrySession } from './session.ts';

/** Tags that stand for lists of referrers. */
const REFERRERS_TAG = /^sha(?:256|512)-[a-f0-9]{64}/;

/** Options of listing tags. */
export interface TagOptions extends CallOptions {
  /** Default 1000, which no registry refuses. */
  pageSize?: number;
  /** Begins after this tag, in the registry's order. */
  last?: string;
  /** Also gives the tags that stand for lists of referrers. Default false. */
  referrersTags?: boolean;
}

/** Lists tags, each once, without those that stand for lists of referrers unless they are asked for. */
export async function* listTags(
  session: RegistrySession,
  api: RepositoryApi,
  { signal, pageSize = 1000, last, referrersTags = false }: TagOptions,
): AsyncGenerator<string> {
  const start = last === undefined ? '' : `&last=${encodeURIComponent(last)}`;
  const fetchPage = async (to: string | URL): Promise<Page<string>> => {
    const response = await session.send({ method: 'GET', to, scope: api.scope('pull'), signal });
    if (response.status !== 200) throw await api.error(response, 'GET tags');
    const entries = parseTags(await response.bytes(MAX_MANIFEST_SIZE), session.registry);
    return { entries, next: nextPage(response, session.base) };
  };
  // A page may begin with the last tag of the one before (distribution 2.8).
  const seen = new Set<string>();
  for await (const tag of followPages(`/v2/${api.path}/tags/list?n=${pageSize}${start}`, fetchPage, session.registry)) {
    if (!seen.has(tag) && (referrersTags || !REFERRERS_TAG.test(tag))) yield tag;
    seen.add(tag);
  }
}

/** All tags of a repository, and the entity tag of their list where it came in one page and the registry gave one. */
export interface TagList {
  tags: string[];
  entityTag?: string;
}

/** As {@link listTags}, unless the list still has the entity tag that is known. */
export async function listTagsUnless(
  session: RegistrySession,
  api: RepositoryApi,
  known: string | undefined,
  { signal, pageSize = 1000 }: TagOptions,
): Promise<TagList | undefined> {
  let unchanged = false;
  let entityTag: string | undefined;
  let pages = 0;
  const fetchPage = async (to: string | URL): Promise<Page<string>> => {
    const headers = pages === 0 && known !== undefined ? { 'if-none-match': known } : {};
    pages += 1;
    const response = await session.send({ method: 'GET', to, headers, scope: api.scope('pull'), signal });
    if (response.status === 304 && known !== undefined) {
      await response.discard();
      unchanged = true;
      return { entries: [], next: undefined };
    }
    if (response.status !== 200) throw await api.error(response, 'GET tags');
    entityTag = singleHeader(response, 'etag');
    const entries = parseTags(await response.bytes(MAX_MANIFEST_SIZE), session.registry);
    return { entries, next: nextPage(response, session.base) };
  };
  const tags = new Set<string>();
  for await (const tag of followPages(`/v2/${api.path}/tags/list?n=${pageSize}`, fetchPage, session.registry))
    if (!REFERRERS_TAG.test(tag)) tags.add(tag);
  if (unchanged) return undefined;
  // The first page may stay while a later one changes.
  const usable = pages === 1 && entityTag !== undefined && entityTag.length <= 256;
  return { tags: [...tags], ...(usable && entityTag !== undefined ? { entityTag } : {}) };
}

function parseTags(bytes: Uint8Array, registry: string): string[] {
  try {
    const { tags } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { tags?: unknown };
    // Some registries say null for an empty list.
    if (tags === null || tags === undefined) return [];
    if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags;
  } catch {
    // Falls through to the error.
  }
  throw new OciError('ERR_OCI_INVALID_RESPONSE', `${registry} answered the list of tags with something else`, {
    registry,
  });
}
