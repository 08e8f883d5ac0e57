import { chunksOf, type Content, type Mounter, type ReadOnlyStorage, type Storage } from './content/content.ts';
import type { CopyOptions } from './copy-options.ts';
import type { Descriptor } from './descriptor.ts';
import { isNotFound, OciError, throwIfAborted } from './errors.ts';
import { inlineContent } from './content/fetch.ts';
import { atSide, withSide } from './side.ts';

/** What copying a blob needs. */
export interface BlobCopy {
  src: ReadOnlyStorage;
  dst: Storage & Partial<Mounter>;
  /** The repository in the destination's registry that has the blob. */
  mountFrom: (descriptor: Descriptor) => string | undefined;
  onProgress: CopyOptions['onProgress'];
  signal: AbortSignal;
  /** Blobs that a registry as the destination was found to have, and those that it had not. */
  asked: { present: number; missing: number };
}

/** Blobs of which it need not be asked first, where it had none of several others: sending them again costs no more than asking. */
const SMALL = 256 * 1024;
/** So many others. */
const ENOUGH = 4;

/** Layers that registries need not have: Windows base layers, and what is marked so (image-spec layer.md, "Non-Distributable Layers"). */
function isNonDistributable({ mediaType }: Descriptor): boolean {
  return (
    mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.v1.') ||
    mediaType.startsWith('application/vnd.docker.image.rootfs.foreign.')
  );
}

/** Whether the destination found, by itself and not by its registry's answer, that the bytes are not what they should be. */
function isOfContent(error: unknown): boolean {
  if (!(error instanceof OciError) || error.registry !== undefined) return false;
  return error.code === 'ERR_OCI_DIGEST_MISMATCH' || error.code === 'ERR_OCI_SIZE_MISMATCH';
}

/** Copies one blob: not at all where it exists, without moving bytes where it can be mounted. */
export async function copyBlob(
  { src, dst, mountFrom, onProgress, signal, asked }: BlobCopy,
  descriptor: Descriptor,
): Promise<void> {
  throwIfAborted(signal);
  const isNew = 'mount' in dst && descriptor.size <= SMALL && asked.present === 0 && asked.missing >= ENOUGH;
  const exists = !isNew && (await atSide('destination', () => dst.exists(descriptor, { signal })));
  asked[exists ? 'present' : 'missing'] += 1;
  if (exists) {
    onProgress?.({ descriptor, phase: 'skipped', bytes: descriptor.size });
    return;
  }
  onProgress?.({ descriptor, phase: 'start', bytes: 0 });
  const inline = inlineContent(descriptor);
  let sourceError: unknown;
  const content: Content = async function* () {
    // A second try may fail for another reason than the first.
    sourceError = undefined;
    let bytes = 0;
    try {
      for await (const chunk of inline ? chunksOf(inline) : await src.fetch(descriptor, { signal, verify: false })) {
        bytes += chunk.length;
        onProgress?.({ descriptor, phase: 'bytes', bytes });
        yield chunk;
      }
    } catch (error) {
      sourceError = error;
      throw error;
    }
  };
  let how: 'mounted' | 'uploaded' = 'uploaded';
  try {
    const from = dst.mount ? mountFrom(descriptor) : undefined;
    if (from !== undefined && dst.mount) how = await dst.mount(descriptor, from, content, { signal });
    else await dst.push(descriptor, content, { signal });
  } catch (error) {
    if (isNotFound(sourceError) && isNonDistributable(descriptor)) {
      onProgress?.({ descriptor, phase: 'skipped', bytes: 0 });
      return;
    }
    if (sourceError !== undefined) throw withSide(sourceError, 'source');
    throw withSide(error, isOfContent(error) ? 'source' : 'destination');
  }
  onProgress?.({ descriptor, phase: how === 'mounted' ? 'mounted' : 'done', bytes: descriptor.size });
}
