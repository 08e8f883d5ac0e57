import type { Kernel } from '../kernel/kernel.ts';
import type { KernelBtf } from './kernel-btf.ts';
import { readKernelFacts } from './read-kernel-facts.ts';

/** Asks what every install asks, so that the worker and libbpf are there. @throws {KernelError} where libbpf cannot be used. */
export async function warmUpKernel(kernel: Kernel, btf: KernelBtf): Promise<void> {
  await readKernelFacts({ kernel, btf: await btf.read(), for: [] });
}
