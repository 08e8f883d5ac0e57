import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseReferrers } from '../content/referrer.ts';
import { type Descriptor, MAX_MANIFEST_SIZE, MEDIA_TYPE_INDEX } from '../descriptor.ts';
import { parseDigest } from '../digest.ts';
import { OciError, throwIfAborted } from '../errors.ts';
import type { RepositoryApi } from './repository-api.ts';
import type { RegistrySession } from './session.ts';

/** Tries to get an entry into the list that other writers change at the same time. */
const MAX_WRITES = 12;

/** The tag under which referrers are listed where there is no API: algorithm and hex, joined by a dash. */
export function referrersTag(digest: string): string {
  const { algorithm, hex } = parseDigest(digest);
  return `${algorithm}-${hex.slice(0, 64)}`;
}

/** The list under the tag; empty where there is none. */
export async function readReferrersTag(
  session: RegistrySession,
  api: RepositoryApi,
  subject: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Descriptor[]> {
  const response = await session.send({
    method: 'GET',
    to: `/v2/${api.path}/manifests/${referrersTag(subject.digest)}`,
    headers: { accept: MEDIA_TYPE_INDEX },
    scope: api.scope('pull'),
    signal,
  });
  if (response.status === 404) {
    await response.discard();
    return [];
  }
  if (response.status !== 200) throw await api.error(response, 'GET referrers tag');
  return parseReferrers(await response.bytes(MAX_MANIFEST_SIZE), session.registry);
}

/**
 * Puts a manifest into the list under its subject's tag. Registries have no conditional write, so another program may replace the list
 * between our reading and our writing: the list is read back after a time in which such a writer has come to its end, and written again
 * until the entry stays in it.
 *
 * @throws {OciError} `ERR_OCI_REGISTRY` where other writers go on replacing the list.
 */
export async function addToReferrersTag(
  session: RegistrySession,
  api: RepositoryApi,
  subject: Descriptor,
  entry: Descriptor,
  signal: AbortSignal | undefined,
): Promise<void> {
  await changeReferrersTag(session, api, subject, signal, (entries) =>
    entries.some(({ digest, artifactType }) => digest === entry.digest && artifactType === entry.artifactType)
      ? undefined
      : [...entries.filter(({ digest }) => digest !== entry.digest), entry],
  );
}

/** Takes a manifest out of the list under its subject's tag; as {@link addToReferrersTag}. */
export async function removeFromReferrersTag(
  session: RegistrySession,
  api: RepositoryApi,
  subject: Descriptor,
  removed: Descriptor,
  signal: AbortSignal | undefined,
): Promise<void> {
  await changeReferrersTag(session, api, subject, signal, (entries) => {
    const rest = entries.filter(({ digest }) => digest !== removed.digest);
    return rest.length === entries.length ? undefined : rest;
  });
}

/** @param change - gives the list as it should be, or `undefined` where it is so already. */
async function changeReferrersTag(
  session: RegistrySession,
  api: RepositoryApi,
  subject: Descriptor,
  signal: AbortSignal | undefined,
  change: (entries: Descriptor[]) => Descriptor[] | undefined,
): Promise<void> {
  // Writers in this process wait for each other.
  await session.inTurn(`referrers ${subject.digest}`, async () => {
    for (let attempt = 0; attempt < MAX_WRITES; attempt++) {
      const start = performance.now();
      const changed = change(await readReferrersTag(session, api, subject, signal));
      if (changed === undefined) return;
      await putList(session, api, subject, changed, signal);
      // Another writer's reading and writing takes about as long as ours did.
      const took = performance.now() - start;
      await sleep(2 * took + Math.random() * took * (attempt + 1), undefined, signal ? { signal } : {}).catch(() =>
        throwIfAborted(signal),
      );
    }
    throw new OciError(
      'ERR_OCI_REGISTRY',
      `${session.registry}/${api.name}: other writers kept replacing the list of referrers`,
      {
        registry: session.registry,
        repository: api.name,
        hint: 'Try again when fewer programs attach to this package.',
      },
    );
  });
}

async function putList(
  session: RegistrySession,
  api: RepositoryApi,
  subject: Descriptor,
  manifests: Descriptor[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const list = { schemaVersion: 2, mediaType: MEDIA_TYPE_INDEX, manifests };
  const response = await session.send({
    method: 'PUT',
    to: `/v2/${api.path}/manifests/${referrersTag(subject.digest)}`,
    headers: { 'content-type': MEDIA_TYPE_INDEX },
    body: new TextEncoder().encode(JSON.stringify(list)),
    scope: api.scope('pull,push'),
    signal,
  });
  if (response.status !== 201 && response.status !== 200) throw await api.error(response, 'PUT referrers tag');
  await response.discard();
}
