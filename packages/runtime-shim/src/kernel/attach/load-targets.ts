import type { LoadOptions } from '../kernel.ts';
import { KernelError } from '../kernel-error.ts';
import type { Bpf } from '../native/bpf.ts';
import { callError, errnoName } from '../native/errno.ts';
import type { Pointer } from '../native/library.ts';

/**
 * Says what programs are for whose target is looked up when they are loaded, and which their sections do not name.
 *
 * @returns descriptors that must stay open until the object is loaded, and are the caller's.
 */
export function setAttachTargets(
  bpf: Bpf,
  programs: Iterable<Pointer>,
  targets: NonNullable<LoadOptions['targets']>,
): number[] {
  const left = new Map(Object.entries(targets));
  const opened: number[] = [];
  try {
    for (const program of left.size === 0 ? [] : programs) {
      const name = bpf.native.programName(program);
      const target = left.get(name);
      if (target === undefined) continue;
      left.delete(name);
      const fd = target.programPin === undefined ? 0 : openPin(bpf, target.programPin, opened);
      const result = bpf.native.programSetAttachTarget(program, fd, target.symbol);
      if (result < 0) throw targetError(name, target, result);
    }
    const [missing] = left.keys();
    if (missing !== undefined) throw new KernelError('ERR_KERNEL_NOT_FOUND', `the object has no program "${missing}"`);
    return opened;
  } catch (error) {
    for (const fd of opened) bpf.native.close(fd);
    throw error;
  }
}

function openPin(bpf: Bpf, path: string, opened: number[]): number {
  const fd = bpf.open(path);
  if (fd < 0) throw callError('ERR_KERNEL_NOT_FOUND', `opening ${path}`, fd);
  opened.push(fd);
  return fd;
}

function targetError(
  program: string,
  { symbol, programPin }: { symbol: string; programPin?: string },
  result: number,
): KernelError {
  return callError('ERR_KERNEL_ATTACH', `finding ${symbol} for program "${program}"`, result, {
    hint: ['ENOENT', 'ESRCH'].includes(errnoName(result))
      ? programPin === undefined
        ? 'The kernel’s BTF has no such function.'
        : `The program ${programPin} has no such global function, or no BTF.`
      : 'The kernel must have BTF (/sys/kernel/btf/vmlinux).',
  });
}
