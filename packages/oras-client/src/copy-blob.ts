import { chunksOf, type Content, type Mounter, type ReadOnlyStorage, type Storage } from './content/content.ts';
import type { CopyOptions } from './copy-options.ts';
import type { Descriptor } from './descriptor.ts';
import { isNotFound, throwIfAborted } from './errors.ts';
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
}

/** Layers that registries need not have: Windows base layers, and what is marked so (image-spec layer.md, "Non-Distributable Layers"). */
function isNonDistributable({ mediaType }: Descriptor): boolean {
  return (
    mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.v1.') ||
    mediaType.startsWith('application/vnd.docker.image.rootfs.foreign.')
  );
}

/** Copies one blob: not at all where it exists, without moving bytes where it can be mounted. */
export async function copyBlob(
  { src, dst, mountFrom, onProgress, signal }: BlobCopy,
  descriptor: Descriptor,
): Promise<void> {
  throwIfAborted(signal);
  if (await atSide('destination', () => dst.exists(descriptor, { signal }))) {
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
      for await (const chunk of inline ? chunksOf(inline) : await src.fetch(descriptor, { signal })) {
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
    throw sourceError === undefined ? withSide(error, 'destination') : withSide(sourceError, 'source');
  }
  onProgress?.({ descriptor, phase: how === 'mounted' ? 'mounted' : 'done', bytes: descriptor.size });
}
