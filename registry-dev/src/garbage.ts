import type { Files } from './files.ts';
import { parseManifest } from './manifest-shape.ts';
import type { ManifestStore } from './manifest-store.ts';
import { blobPath, folderOf, manifestPath, REPOSITORIES } from './paths.ts';

/** What counts as garbage. */
export interface GarbageOptions {
  /** Milliseconds for which whatever changed is kept: a push sends its manifest last. Default an hour. */
  minAge?: number;
  /** Milliseconds after which an upload that nobody went on with is given up. Default a day. */
  uploadAge?: number;
  /** True: manifests go too that have no tag, are in no index that stays, and have no subject that stays. Default false. */
  untagged?: boolean;
  /** True: nothing is removed. Default false. */
  dryRun?: boolean;
}

/** What was garbage. */
export interface GarbageReport {
  manifests: number;
  blobs: number;
  uploads: number;
  /** Of blobs and uploads. A blob that another repository has too takes its space until it is garbage there. */
  bytes: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TEMPORARY = /^\.[0-9a-f-]{36}\.tmp$/;

/** Removes what nothing refers to. Pushes go on meanwhile; a manifest waits for its repository's turn. */
export async function collect(files: Files, manifests: ManifestStore, options: GarbageOptions): Promise<GarbageReport> {
  const { minAge = HOUR, uploadAge = DAY, untagged = false, dryRun = false } = options;
  const report: GarbageReport = { manifests: 0, blobs: 0, uploads: 0, bytes: 0 };
  const now = Date.now();
  /** Whether a file is that old, so that it may go. */
  const isOld = (path: string, age: number): boolean => now - (files.facts(path)?.changed ?? now) >= age;
  const drop = async (path: string): Promise<void> => {
    report.bytes += files.facts(path)?.size ?? 0;
    if (!dryRun) await files.remove(path);
  };

  for (const repository of everyRepository(files)) {
    await manifests.turns.run(repository, async () => {
      const kept = untagged ? reachable(manifests, repository, (path) => !isOld(path, minAge)) : undefined;
      for (const digest of kept ? manifests.digests(repository).filter((other) => !kept.has(other)) : []) {
        report.manifests++;
        if (!dryRun) await manifests.remove(repository, manifests.get(repository, digest));
      }
      const needed = neededBlobs(manifests, repository, kept ?? new Set(manifests.digests(repository)));
      for (const digest of blobsOf(files, repository)) {
        const path = blobPath(repository, digest);
        if (needed.has(digest) || !isOld(path, minAge)) continue;
        report.blobs++;
        await drop(path);
      }
    });
  }
  const { uploads, bytes } = await removeStale(files, { uploadAge, minAge, dryRun });
  return { ...report, uploads, bytes: report.bytes + bytes };
}

/** Removes uploads that nobody went on with, and temporary files, of killed processes too. */
export async function removeStale(
  files: Files,
  { uploadAge = DAY, minAge = HOUR, dryRun = false }: GarbageOptions = {},
): Promise<{ uploads: number; bytes: number }> {
  const now = Date.now();
  let [uploads, bytes] = [0, 0];
  for (const repository of everyRepository(files)) {
    for (const kind of ['uploads', 'manifests', 'tags', 'referrers'] as const) {
      for (const path of filesBelow(files, folderOf(repository, kind))) {
        const facts = files.facts(path);
        const temporary = TEMPORARY.test(path.slice(path.lastIndexOf('/') + 1));
        const isUpload = kind === 'uploads' && !temporary;
        if (!facts || (!isUpload && !temporary) || now - facts.changed < (isUpload ? uploadAge : minAge)) continue;
        if (isUpload) uploads++;
        bytes += facts.size;
        if (!dryRun) await files.remove(path);
      }
    }
  }
  return { uploads, bytes };
}

/** Manifests that a tag leads to, through indexes and from subjects to their referrers, and young ones. */
function reachable(manifests: ManifestStore, repository: string, isYoung: (path: string) => boolean): Set<string> {
  const all = new Map(
    manifests.digests(repository).map((digest) => {
      const { bytes, mediaType } = manifests.get(repository, digest);
      return [digest, parseManifest(bytes, mediaType)] as const;
    }),
  );
  const kept = new Set<string>();
  const queue = manifests.tags(repository).map((tag) => manifests.tagged(repository, tag));
  queue.push(...[...all.keys()].filter((digest) => isYoung(manifestPath(repository, digest))));
  while (queue.length > 0) {
    const digest = queue.pop();
    const shape = digest === undefined ? undefined : all.get(digest);
    if (digest === undefined || !shape || kept.has(digest)) continue;
    kept.add(digest);
    queue.push(...shape.children, ...manifests.referrers(repository, digest).map((referrer) => referrer.digest));
  }
  return kept;
}

function neededBlobs(manifests: ManifestStore, repository: string, kept: ReadonlySet<string>): Set<string> {
  const needed = new Set<string>();
  for (const digest of kept) {
    const { bytes, mediaType } = manifests.get(repository, digest);
    for (const blob of parseManifest(bytes, mediaType).blobs) needed.add(blob);
  }
  return needed;
}

function blobsOf(files: Files, repository: string): string[] {
  const folder = folderOf(repository, 'blobs');
  return files
    .list(folder)
    .flatMap((algorithm) => files.list(`${folder}/${algorithm}`).map((hex) => `${algorithm}:${hex}`));
}

/** Also those with nothing but an upload. */
function everyRepository(files: Files, name = ''): string[] {
  const entries = files.list(name ? `${REPOSITORIES}/${name}` : REPOSITORIES);
  const inner = entries.filter((entry) => !entry.startsWith('_'));
  return [
    ...(inner.length < entries.length ? [name] : []),
    ...inner.flatMap((entry) => everyRepository(files, name ? `${name}/${entry}` : entry)),
  ];
}

function filesBelow(files: Files, folder: string): string[] {
  return files.list(folder).flatMap((name) => {
    const path = `${folder}/${name}`;
    return files.facts(path) ? [path] : filesBelow(files, path);
  });
}
