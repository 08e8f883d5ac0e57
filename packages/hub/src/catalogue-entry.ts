import type { BtfIndex, CatalogueEntry, CatalogueVariant, ServiceManifest, Variant } from '@bpfship/media-types';
import { isKnownRequirement, serviceLayers } from '@bpfship/media-types';

/** Where and how a package was found. */
export interface FoundPackage {
  /** Registry and repository, without tag. */
  repository: string;
  tags: string[];
  /** Digest of the manifest. */
  digest: string;
  manifest: ServiceManifest;
  index: BtfIndex;
  /** Key hints or identities whose signature was verified. */
  signers: string[];
}

/** The catalogue's entry of a package. All of it is read from the package itself, nothing is typed twice. */
export function catalogueEntry({ repository, tags, digest, manifest, index, signers }: FoundPackage): CatalogueEntry {
  return {
    name: index.name,
    version: index.version,
    repository,
    tags: [...tags].sort(),
    digest,
    size: serviceLayers(manifest).reduce((sum, layer) => sum + layer.size, 0),
    ...(index.description === undefined ? {} : { description: index.description }),
    ...(index.licenses === undefined ? {} : { licenses: index.licenses }),
    ...(index.source === undefined ? {} : { source: index.source }),
    signers: [...signers].sort(),
    variants: index.variants.map(catalogueVariant),
  };
}

function catalogueVariant(variant: Variant): CatalogueVariant {
  const helpers = new Set<string>();
  const features = new Set<string>();
  for (const requirement of variant.requirements) {
    if (!isKnownRequirement(requirement)) continue;
    if (requirement.kind === 'helper') helpers.add(requirement.value);
    if (requirement.kind === 'feature') features.add(requirement.value);
  }
  const { byteOrder, architecture } = variant.platform;
  return {
    name: variant.name,
    byteOrder,
    ...(architecture === undefined ? {} : { architecture }),
    hooks: unique(variant.programs.map(({ hook, target }) => (target === undefined ? hook : `${hook}:${target}`))),
    programTypes: unique(variant.programs.map(({ type }) => type)),
    mapTypes: unique(variant.maps.map(({ type }) => type)),
    helpers: unique(helpers),
    features: unique(features),
  };
}

function unique(words: Iterable<string>): string[] {
  return [...new Set(words)].sort();
}
