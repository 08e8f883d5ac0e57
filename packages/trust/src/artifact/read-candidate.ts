import {
  compatibleMediaType,
  isCompatibleForm,
  MAX_SIGNATURE_BUNDLE_SIZE,
  MAX_TAR_OVERHEAD,
  MEDIA_TYPE_SIGSTORE_BUNDLE,
  readSingleFile,
  WRAPPED_FILE_NAMES,
} from '@bpfship/media-types';
import {
  type Descriptor,
  digestOf,
  fetchBytes,
  isIndexManifest,
  parseManifest,
  type ReadOnlyTarget,
  verifyBytes,
} from '@bpfship/oras-client';

/** Bytes of a referring manifest that are read; cosign's has 900. */
const MAX_MANIFEST_SIZE = 256 * 1024;

/** A referrer, read. */
export type ReadCandidate =
  /** Carries a bundle. */
  | { readonly kind: 'bundle'; readonly bytes: Uint8Array; readonly digest: string }
  /** Is something else, and why. */
  | { readonly kind: 'other'; readonly reason: string };

/**
 * Fetches a referrer's manifest and its bundle. What the manifest says decides, not what the registry's list said of it.
 *
 * @throws what fetching throws.
 */
export async function readCandidate(
  target: ReadOnlyTarget,
  entry: Descriptor,
  subject: Descriptor,
  options: { signal?: AbortSignal | undefined },
): Promise<ReadCandidate> {
  const manifest = parseManifest(await fetchVerified(target, entry, MAX_MANIFEST_SIZE, options), entry);
  if (isIndexManifest(manifest)) return { kind: 'other', reason: 'is an index' };
  if (manifest.subject?.digest !== subject.digest) return { kind: 'other', reason: 'refers to another artifact' };
  const wrapped = isCompatibleForm(manifest);
  const layers = manifest.layers.filter(
    (layer) => (wrapped ? compatibleMediaType(layer) : layer.mediaType) === MEDIA_TYPE_SIGSTORE_BUNDLE,
  );
  const [layer] = layers;
  if (!layer) return { kind: 'other', reason: 'holds no Sigstore bundle' };
  if (layers.length > 1) return { kind: 'other', reason: `holds ${layers.length} bundles instead of one` };
  const limit = MAX_SIGNATURE_BUNDLE_SIZE + (wrapped ? MAX_TAR_OVERHEAD : 0);
  const bytes = await fetchVerified(target, layer, limit, options);
  if (!wrapped) return { kind: 'bundle', bytes, digest: layer.digest };
  try {
    const bundle = readSingleFile(bytes, WRAPPED_FILE_NAMES[MEDIA_TYPE_SIGSTORE_BUNDLE] ?? '');
    return { kind: 'bundle', bytes: bundle, digest: digestOf(bundle) };
  } catch (error) {
    return { kind: 'other', reason: `holds no bundle: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** Hashes once more what the target says it hashed: everything after this trusts these bytes. */
async function fetchVerified(
  target: ReadOnlyTarget,
  descriptor: Descriptor,
  maxBytes: number,
  options: { signal?: AbortSignal | undefined },
): Promise<Uint8Array> {
  const bytes = await fetchBytes(target, descriptor, { maxBytes, ...options });
  verifyBytes(bytes, descriptor);
  return bytes;
}
