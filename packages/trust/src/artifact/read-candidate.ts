import { MAX_SIGNATURE_BUNDLE_SIZE, MEDIA_TYPE_SIGSTORE_BUNDLE } from '@bpfship/media-types';
import {
  type Descriptor,
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
  const layers = manifest.layers.filter(({ mediaType }) => mediaType === MEDIA_TYPE_SIGSTORE_BUNDLE);
  const [layer] = layers;
  if (!layer) return { kind: 'other', reason: 'holds no Sigstore bundle' };
  if (layers.length > 1) return { kind: 'other', reason: `holds ${layers.length} bundles instead of one` };
  return {
    kind: 'bundle',
    bytes: await fetchVerified(target, layer, MAX_SIGNATURE_BUNDLE_SIZE, options),
    digest: layer.digest,
  };
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
