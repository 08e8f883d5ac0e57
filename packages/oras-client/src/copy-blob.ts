import type { Content, Mounter, ReadOnlyStorage, Storage } from './content/content.ts';
import type { CopyOptions } from './copy.ts';
import type { Descriptor } from './descriptor.ts';
import { throwIfAborted } from './errors.ts';
import { atSide, withSide } from './side.ts';

/** What copying a blob needs. */
export interface BlobCopy {
  src: ReadOnlyStorage;
  dst: Storage & Partial<Mounter>;
  /** The source's repository, where it is in the registry of the destination. */
  mountFrom: string | undefined;
  onProgress: CopyOptions['onProgress'];
  signal: AbortSignal;
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
  let sourceError: unknown;
  const content: Content = async function* () {
    // A second try may fail for another reason than the first.
    sourceError = undefined;
    let bytes = 0;
    try {
      for await (const chunk of await src.fetch(descriptor, { signal })) {
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
    if (mountFrom !== undefined && dst.mount) how = await dst.mount(descriptor, mountFrom, content, { signal });
    else await dst.push(descriptor, content, { signal });
  } catch (error) {
    throw sourceError === undefined ? withSide(error, 'destination') : withSide(sourceError, 'source');
  }
  onProgress?.({ descriptor, phase: how === 'mounted' ? 'mounted' : 'done', bytes: descriptor.size });
}
