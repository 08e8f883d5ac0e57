import { type Descriptor, type ImageIndex, isManifest, MAX_MANIFEST_SIZE } from '../descriptor.ts';
import { isNotFound, OciError, throwIfAborted } from '../errors.ts';
import { printable } from '../printable.ts';
import type { CallOptions, PredecessorOptions, ReadOnlyStorage } from './content.ts';
import { fetchBytes } from './fetch.ts';
import { isDescriptor, isIndexManifest, parseManifest } from './manifest.ts';
import { referrerDescriptor } from './referrer.ts';

/** The name of a manifest in a layout (image-spec annotations.md). */
export const ANNOTATION_REF_NAME = 'org.opencontainers.image.ref.name';
/** `index.json` of a layout with many tags may be larger than a manifest. */
export const MAX_LAYOUT_INDEX_SIZE: number = 4 * MAX_MANIFEST_SIZE;
/** Manifests and indexes that are looked into for one answer, and how deep indexes are nested. */
const MAX_LOOKED_INTO = 50_000;
const MAX_DEPTH = 16;

/**
 * Reads an `index.json` (image-spec image-layout.md).
 *
 * @param where - the file, for messages.
 * @throws {OciError} `ERR_OCI_INVALID_LAYOUT`.
 */
export function parseLayoutIndex(text: string, where: string): ImageIndex {
  let index: ImageIndex | null;
  try {
    index = JSON.parse(text) as ImageIndex | null;
  } catch (cause) {
    throw new OciError('ERR_OCI_INVALID_LAYOUT', `${where} is not JSON`, { cause });
  }
  if (!Array.isArray(index?.manifests) || !index.manifests.every(isDescriptor))
    throw new OciError('ERR_OCI_INVALID_LAYOUT', `${where} has no list of manifests`);
  return index;
}

/** Checks an `oci-layout` file. @throws {OciError} `ERR_OCI_INVALID_LAYOUT`. */
export function checkLayoutMarker(text: string, where: string): void {
  let marker: { imageLayoutVersion?: unknown } | null;
  try {
    marker = JSON.parse(text) as { imageLayoutVersion?: unknown } | null;
  } catch (cause) {
    throw new OciError('ERR_OCI_INVALID_LAYOUT', `${where} is not JSON`, { cause });
  }
  if (marker?.imageLayoutVersion !== '1.0.0')
    throw new OciError('ERR_OCI_INVALID_LAYOUT', `${where} is of another version of the OCI layout than 1.0.0`);
}

/**
 * Finds a tag or digest. Other tools list only the outermost manifests in `index.json`; a digest is looked for inside the indexes too.
 *
 * @param place - the layout, for messages.
 * @throws {OciError} `ERR_OCI_NOT_FOUND`, with the names that are there.
 */
export async function resolveInLayout(
  storage: ReadOnlyStorage,
  manifests: readonly Descriptor[],
  reference: string,
  { place, signal }: CallOptions & { place: string },
): Promise<Descriptor> {
  throwIfAborted(signal);
  const listed =
    manifests.find((entry) => nameOf(entry) === reference) ?? manifests.find(({ digest }) => digest === reference);
  const found =
    listed ?? (reference.includes(':') ? await findNested(storage, manifests, reference, signal) : undefined);
  if (found) return withoutRefName(found);
  const names = tagsOf(manifests).slice(0, 20).map(printable).join(', ');
  const untagged = manifests.length === 0 ? 'nothing' : `no tags, but ${manifests[0]?.digest}`;
  throw new OciError('ERR_OCI_NOT_FOUND', `"${printable(reference)}" is not in the layout ${place}`, {
    hint: `It has: ${names || untagged}`,
  });
}

/** Manifests of a layout whose subject is a certain one. Something that only claims to be a manifest, or is not there, has none. */
export async function* predecessorsInLayout(
  storage: ReadOnlyStorage,
  manifests: readonly Descriptor[],
  subject: Descriptor,
  options: PredecessorOptions,
): AsyncGenerator<Descriptor> {
  const seen = new Set<string>();
  for (const entry of manifests) {
    if (!isManifest(entry) || seen.has(entry.digest)) continue;
    seen.add(entry.digest);
    const manifest = await readIfManifest(storage, withoutRefName(entry), options.signal);
    if (manifest?.subject?.digest !== subject.digest) continue;
    const referrer = referrerDescriptor(entry, manifest);
    if (options.artifactType === undefined || referrer.artifactType === options.artifactType) yield referrer;
  }
}

/** The names in a layout. */
export function tagsOf(manifests: readonly Descriptor[]): string[] {
  return manifests.map(nameOf).filter((name) => name !== undefined);
}

/** The name of an entry, where it has one. */
export function nameOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[ANNOTATION_REF_NAME];
}

/** The descriptor as it was before the layout named it. */
export function withoutRefName({ annotations, ...descriptor }: Descriptor): Descriptor {
  const rest = Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => key !== ANNOTATION_REF_NAME));
  return Object.keys(rest).length > 0 ? { ...descriptor, annotations: rest } : descriptor;
}

/** The manifest, where the storage has it and it is one. @throws what reading throws otherwise. */
export async function readIfManifest(
  storage: ReadOnlyStorage,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<ReturnType<typeof parseManifest> | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await fetchBytes(storage, descriptor, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  try {
    return parseManifest(bytes, descriptor);
  } catch {
    return undefined;
  }
}

async function findNested(
  storage: ReadOnlyStorage,
  manifests: readonly Descriptor[],
  digest: string,
  signal: AbortSignal | undefined,
): Promise<Descriptor | undefined> {
  const seen = new Set<string>();
  let level = manifests;
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
    const next: Descriptor[] = [];
    for (const entry of level) {
      if (!isManifest(entry) || seen.has(entry.digest)) continue;
      seen.add(entry.digest);
      if (seen.size > MAX_LOOKED_INTO) return undefined;
      const manifest = await readIfManifest(storage, withoutRefName(entry), signal);
      if (!manifest || !isIndexManifest(manifest)) continue;
      const found = manifest.manifests.find((child) => child.digest === digest);
      if (found) return found;
      next.push(...manifest.manifests);
    }
    level = next;
  }
  return undefined;
}
