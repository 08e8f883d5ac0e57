import {
  type Catalogue,
  type CatalogueEntry,
  checkPackage,
  DocumentError,
  indexBlob,
  isServiceManifest,
  MAX_INDEX_BLOB_SIZE,
  MEDIA_TYPE_CATALOGUE,
  parseIndexBlob,
  parseServiceManifest,
} from '@bpfship/media-types';
import {
  type Descriptor,
  fetchBytes,
  isManifest,
  parseManifest,
  Repository,
  type RemoteOptions,
} from '@bpfship/oras-client';
import { catalogueEntry } from './catalogue-entry.ts';

/** Tags of one repository that are read. */
const MAX_TAGS = 1_000;

/** Whose signatures a package has: the key hints or identities that verified. Throws where it has none that the policy accepts. */
export type SignerLookup = (repository: Repository, subject: Descriptor) => Promise<string[]>;

/** What a catalogue is built from. */
export interface BuildCatalogueOptions {
  /** Name of the catalogue. */
  name: string;
  /** Repositories as `registry/repository`. */
  repositories: readonly { registry: string; repository: string }[];
  /** When it is built: RFC 3339 in UTC. */
  created: string;
  /** Verifies a package's signature. A package that it refuses stays out of the catalogue. */
  signersOf: SignerLookup;
  remote?: RemoteOptions;
  signal?: AbortSignal;
}

/** A package that was found and left out. */
export interface SkippedPackage {
  reference: string;
  reason: string;
}

/**
 * Builds a catalogue by reading every tag of the repositories: manifest and BTF index, no layer. Artifacts that are no eBPF services are
 * passed over; packages that are malformed or not signed as wanted are left out and named.
 */
export async function buildCatalogue(
  options: BuildCatalogueOptions,
): Promise<{ catalogue: Catalogue; skipped: SkippedPackage[] }> {
  const entries: CatalogueEntry[] = [];
  const skipped: SkippedPackage[] = [];
  for (const reference of options.repositories) {
    await using repository = new Repository(reference, options.remote);
    const found = await readRepository(repository, options);
    entries.push(...found.entries);
    skipped.push(...found.skipped);
  }
  entries.sort((a, b) => compare(`${a.name}\n${a.repository}\n${a.digest}`, `${b.name}\n${b.repository}\n${b.digest}`));
  const { name, created } = options;
  return { catalogue: { schemaVersion: 1, mediaType: MEDIA_TYPE_CATALOGUE, name, created, entries }, skipped };
}

async function readRepository(
  repository: Repository,
  options: BuildCatalogueOptions,
): Promise<{ entries: CatalogueEntry[]; skipped: SkippedPackage[] }> {
  const { signal, signersOf } = options;
  const location = `${repository.registry}/${repository.name}`;
  const byDigest = new Map<string, { tags: string[]; descriptor: Descriptor; bytes: Uint8Array }>();
  const entries: CatalogueEntry[] = [];
  const skipped: SkippedPackage[] = [];
  let count = 0;
  for await (const tag of repository.tags({ signal })) {
    if (++count > MAX_TAGS) {
      skipped.push({ reference: location, reason: `it has more than ${MAX_TAGS} tags; the others were not read` });
      break;
    }
    const { descriptor, bytes } = await repository.fetchReference(tag, { signal });
    const known = byDigest.get(descriptor.digest);
    if (known) known.tags.push(tag);
    else byDigest.set(descriptor.digest, { tags: [tag], descriptor, bytes });
  }
  for (const { tags, descriptor, bytes } of byDigest.values()) {
    try {
      if (!isManifest(descriptor) || !isServiceManifest(parseManifest(bytes, descriptor))) continue;
      const manifest = parseServiceManifest(bytes);
      const blob = await fetchBytes(repository, indexBlob(manifest), { maxBytes: MAX_INDEX_BLOB_SIZE, signal });
      const index = parseIndexBlob(manifest, blob);
      checkPackage(manifest, index);
      const signers = await signersOf(repository, descriptor);
      entries.push(catalogueEntry({ repository: location, tags, digest: descriptor.digest, manifest, index, signers }));
    } catch (error) {
      if (!isPackageFault(error)) throw error;
      skipped.push({ reference: `${location}:${tags[0]}`, reason: error.message });
    }
  }
  return { entries, skipped };
}

/** Faults of the client that a single package can cause: damaged, too large, or pushed without its BTF index. */
const PACKAGE_FAULTS: ReadonlySet<string> = new Set([
  'ERR_OCI_DIGEST_MISMATCH',
  'ERR_OCI_SIZE_MISMATCH',
  'ERR_OCI_SIZE_EXCEEDED',
  'ERR_OCI_INVALID_MANIFEST',
  'ERR_OCI_NOT_FOUND',
]);

/** What is the package's own fault does not stop the catalogue; a failing registry does. */
function isPackageFault(error: unknown): error is Error {
  if (error instanceof DocumentError) return true;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('ERR_TRUST_') || PACKAGE_FAULTS.has(code);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
