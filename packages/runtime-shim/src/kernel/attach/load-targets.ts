import type { LoadOptions } from '../kernel.ts';
import { KernelError } from '../kernel-error.ts';
import type { Bpf } from '../native/bpf.ts';
import { callError, errnoName } from '../native/errno.ts';
import type { Pointer } from '../native/library.ts';

/** Says what programs are for whose target is looked up when they are loaded, and which their sections do not name. */
export function setAttachTargets(
  bpf: Bpf,
  programs: Iterable<Pointer>,
  targets: NonNullable<LoadOptions['targets']>,
): void {
  const left = new Set(Object.keys(targets));
  if (left.size === 0) return;
  for (const program of programs) {
    const name = bpf.native.programName(program);
    const target = left.delete(name) ? targets[name] : undefined;
    if (target === undefined) continue;
    const set = (fd: number): number => bpf.native.programSetAttachTarget(program, fd, target.symbol);
    const { programPin } = target;
    const result = programPin === undefined ? set(0) : bpf.withPinned(programPin, set);
    if (result === 0) continue;
    throw callError('ERR_KERNEL_ATTACH', `finding ${target.symbol} for program "${name}"`, result, {
      hint:
        errnoName(result) === 'ENOENT' || errnoName(result) === 'ESRCH'
          ? programPin === undefined
            ? 'The kernel’s BTF has no such function.'
            : `The program ${programPin} has no such global function, or no BTF.`
          : 'The kernel must have BTF (/sys/kernel/btf/vmlinux).',
    });
  }
  const [missing] = left;
  if (missing !== undefined) throw new KernelError('ERR_KERNEL_NOT_FOUND', `the object has no program "${missing}"`);
}
