import {
  ANNOTATION_ARCHITECTURE,
  ANNOTATION_TITLE,
  ANNOTATION_VARIANT,
  type BtfIndex,
  MAX_INDEX_BLOB_SIZE,
  MAX_MANIFEST_SIZE,
  type ServiceManifest,
  type Variant,
  checkPackage,
  indexBlob,
  parseIndexBlob,
  parseServiceManifest,
  serviceLayers,
} from '@bpfship/media-types';
import { type Descriptor, type ReadOnlyTarget, fetchBytes, fetchReference } from '@bpfship/oras-client';

/** A package, as far as it can be told without fetching a layer. */
export interface InspectedPackage {
  /** Of the manifest. */
  descriptor: Descriptor;
  manifest: ServiceManifest;
  index: BtfIndex;
  /** Bytes of manifest, BTF index and all layers. */
  totalSize: number;
  /** The manifest's content, in its order: first the BTF index, then the layers. */
  tree: PackageNode[];
  /** In the author's order. */
  variants: InspectedVariant[];
}

/** One blob of a package. */
export interface PackageNode {
  kind: 'btf-index' | 'variant' | 'other';
  /** File name; none for the BTF index. */
  title?: string;
  mediaType: string;
  digest: string;
  /** In bytes. */
  size: number;
  variant?: string;
  architecture?: string;
}

/** A variant with the size of its layer and its requirements counted. */
export interface InspectedVariant {
  variant: Variant;
  /** Compressed, in bytes: what a node downloads. */
  layerSize: number;
  /** Requirement kind → how many. */
  requirementCounts: Record<string, number>;
}

/**
 * Reads manifest and BTF index of a package and checks that they fit together. Two blobs are fetched, no layer.
 *
 * @param reference - a tag, a digest, or the descriptor of the manifest.
 * @throws {OciError} where it cannot be fetched; {DocumentError} where it is no package, or a broken one.
 */
export async function inspectPackage(
  target: ReadOnlyTarget,
  reference: string | Descriptor,
  options: { signal?: AbortSignal } = {},
): Promise<InspectedPackage> {
  const { descriptor, bytes } =
    typeof reference === 'string'
      ? await fetchReference(target, reference, options)
      : {
          descriptor: reference,
          bytes: await fetchBytes(target, reference, { ...options, maxBytes: MAX_MANIFEST_SIZE }),
        };
  const manifest = parseServiceManifest(bytes);
  const indexDescriptor = indexBlob(manifest);
  const blob = await fetchBytes(target, indexDescriptor, { ...options, maxBytes: MAX_INDEX_BLOB_SIZE });
  const index = parseIndexBlob(manifest, blob);
  checkPackage(manifest, index);
  const layers = serviceLayers(manifest);
  const blobs = [indexDescriptor, ...layers];
  return {
    descriptor,
    manifest,
    index,
    totalSize: blobs.reduce((sum, { size }) => sum + size, descriptor.size),
    tree: blobs.map(describeNode),
    variants: index.variants.map((variant) => ({
      variant,
      layerSize: layers.find(({ digest }) => digest === variant.layer)?.size ?? 0,
      requirementCounts: countKinds(variant),
    })),
  };
}

function describeNode({ mediaType, digest, size, annotations = {} }: Descriptor, position: number): PackageNode {
  const title = annotations[ANNOTATION_TITLE];
  const variant = annotations[ANNOTATION_VARIANT];
  const architecture = annotations[ANNOTATION_ARCHITECTURE];
  return {
    kind: position === 0 ? 'btf-index' : variant === undefined ? 'other' : 'variant',
    mediaType,
    digest,
    size,
    ...(title === undefined ? {} : { title }),
    ...(variant === undefined ? {} : { variant }),
    ...(architecture === undefined ? {} : { architecture }),
  };
}

function countKinds({ requirements }: Variant): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { kind } of requirements) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
