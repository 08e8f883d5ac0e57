import { type Descriptor, type ProgressEvent, type Target } from '@bpfship/oras-client';
import { inParallel } from './parallel.ts';
import type { SourceBlob } from './source-file.ts';

/** Options of {@link pushBlobs}. */
export interface PushBlobsOptions {
  concurrency: number;
  onProgress?: (event: ProgressEvent) => void;
  signal: AbortSignal;
}

/** Pushes blobs, each once and some at the same time; what is there already is not sent again. */
export async function pushBlobs(
  target: Target,
  blobs: readonly SourceBlob[],
  options: PushBlobsOptions,
): Promise<void> {
  const distinct = [...new Map(blobs.map((blob) => [blob.descriptor.digest, blob])).values()];
  await inParallel(distinct, options, (blob, signal) => pushBlob(target, blob, { ...options, signal }));
}

async function pushBlob(
  target: Target,
  { descriptor, content }: SourceBlob,
  { onProgress, signal }: PushBlobsOptions,
): Promise<void> {
  if (await target.exists(descriptor, { signal })) {
    onProgress?.({ descriptor, phase: 'skipped', bytes: 0 });
    return;
  }
  onProgress?.({ descriptor, phase: 'start', bytes: 0 });
  const counted = content instanceof Uint8Array ? content : () => count(content(), descriptor, onProgress);
  await target.push(descriptor, counted, { signal });
  onProgress?.({ descriptor, phase: 'done', bytes: descriptor.size });
}

async function* count(
  source: AsyncIterable<Uint8Array>,
  descriptor: Descriptor,
  onProgress: PushBlobsOptions['onProgress'],
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    onProgress?.({ descriptor, phase: 'bytes', bytes });
    yield chunk;
  }
}
