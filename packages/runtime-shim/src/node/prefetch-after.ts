import { type KernelFolders, listInstalledKernels } from '../facts/installed-kernels.ts';
import type { ReadOnlyTarget } from '@bpfship/oras-client';
import { messageOf } from './change-errors.ts';
import type { InstallOptions, InstallResult } from './node-options.ts';
import type { Prefetched } from './prefetch.ts';
import type { StepTimer } from './steps.ts';

/** What prefetching works with. */
export interface PrefetchAfterOptions {
  kernels: KernelFolders | undefined;
  prefetch: (options: { service: string; target: ReadOnlyTarget; signal?: AbortSignal }) => Promise<Prefetched>;
  timer: StepTimer;
}

/**
 * Prefetches after a change, where other kernels are installed on the node. What is fetched for them is a precaution: that it failed is
 * said, and the service runs.
 */
export async function prefetchAfter(
  result: InstallResult,
  { target, signal, prefetch: wanted }: InstallOptions,
  { kernels, prefetch, timer }: PrefetchAfterOptions,
): Promise<InstallResult> {
  if (wanted === false || (await listInstalledKernels(kernels)).length === 0) return result;
  const { service } = result;
  const warnings: string[] = [];
  try {
    const { warnings: left } = await timer.run(
      'prefetch',
      () => prefetch({ service, target, ...(signal ? { signal } : {}) }),
      ({ kernels: found, bytes }) => ({ detail: `for ${found.map(({ release }) => release).join(', ')}`, bytes }),
    );
    warnings.push(...left);
  } catch (error) {
    warnings.push(`the variants for the other kernels of this node could not be fetched: ${messageOf(error)}`);
  }
  return { ...result, steps: timer.steps, warnings: [...result.warnings, ...warnings] };
}
