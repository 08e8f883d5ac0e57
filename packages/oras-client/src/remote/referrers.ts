import type { PredecessorOptions } from '../content/content.ts';
import { parseReferrers } from '../content/referrer.ts';
import { type Descriptor, MAX_MANIFEST_SIZE, MEDIA_TYPE_INDEX } from '../descriptor.ts';
import { followPages, nextPage, type Page } from './link.ts';
import { readReferrersTag } from './referrers-tag.ts';
import { readProblem } from './registry-error.ts';
import { mediaTypeOf, type RepositoryApi, singleHeader } from './repository-api.ts';
import type { RegistrySession } from './session.ts';
import type { HttpResponse } from './http-client.ts';

/** How registries without the API have been seen to answer: most 404, GHCR with a redirect to a web page, others with 400 or 406. */
const NO_API: ReadonlySet<number> = new Set([301, 302, 303, 307, 308, 400, 404, 405, 406, 501]);

/**
 * Lists what refers to a manifest: by the referrers API, or where the registry lacks it by the tag schema (distribution-spec, "Listing
 * Referrers" and "Unavailable Referrers API"). A failing registry is an error, never an empty list.
 */
export async function* listReferrers(
  session: RegistrySession,
  api: RepositoryApi,
  subject: Descriptor,
  options: PredecessorOptions,
): AsyncGenerator<Descriptor> {
  const { artifactType, signal } = options;
  const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  const first = `/v2/${api.path}/referrers/${subject.digest}${query}`;
  if (session.referrersApi !== false) {
    const page = await fetchPage(session, api, first, options);
    if (page) {
      const rest = async (to: string | URL): Promise<Page<Descriptor>> =>
        to === first ? page : ((await fetchPage(session, api, to, options)) ?? { entries: [], next: undefined });
      yield* followPages(first, rest, session.registry);
      return;
    }
  }
  const entries = await readReferrersTag(session, api, subject, signal);
  yield* entries.filter((entry) => artifactType === undefined || entry.artifactType === artifactType);
}

/**
 * Finds out whether a registry has the referrers API. An OCI-Subject header is no proof: registries have sent it without having the API.
 */
export async function hasReferrersApi(
  session: RegistrySession,
  api: RepositoryApi,
  subject: Descriptor,
  options: PredecessorOptions,
): Promise<boolean> {
  if (session.referrersApi === undefined) {
    await fetchPage(session, api, `/v2/${api.path}/referrers/${subject.digest}`, options);
  }
  return session.referrersApi ?? false;
}

/** One page of the API; `undefined` where the registry has no such API, or not this repository. */
async function fetchPage(
  session: RegistrySession,
  api: RepositoryApi,
  to: string | URL,
  { artifactType, signal }: PredecessorOptions,
): Promise<Page<Descriptor> | undefined> {
  const response = await session.send({
    method: 'GET',
    to,
    headers: { accept: MEDIA_TYPE_INDEX },
    scope: api.scope('pull'),
    followRedirects: session.referrersApi === true,
    signal,
  });
  if (response.status === 200 && mediaTypeOf(response) === MEDIA_TYPE_INDEX) {
    const all = parseReferrers(await response.bytes(MAX_MANIFEST_SIZE), session.registry);
    session.referrersApi = true;
    return { entries: all.filter(filterFor(response, artifactType)), next: nextPage(response, session.base) };
  }
  const absent = NO_API.has(response.status) || response.status === 200;
  if (session.referrersApi === true || !absent) throw await api.error(response, 'GET referrers');
  // A missing repository says nothing about the API.
  const problem = await readProblem(response);
  if (problem?.code !== 'NAME_UNKNOWN') session.referrersApi = false;
  return undefined;
}

/** A registry that filtered may leave the type out of the entries (ACR does); one that did not filter is filtered here. */
function filterFor(response: HttpResponse, artifactType: string | undefined): (entry: Descriptor) => boolean {
  if (artifactType === undefined) return () => true;
  const applied = (singleHeader(response, 'oci-filters-applied') ?? '').split(',').map((name) => name.trim());
  const trusted = applied.includes('artifactType');
  return (entry) => (entry.artifactType === undefined ? trusted : entry.artifactType === artifactType);
}
