import type { EvidenceResult, VariantProgram } from '@bpfship/media-types';
import type { ProgramVerdict } from '@bpfship/portability';
import { type Kernel, KernelError } from '@bpfship/runtime-shim';

/**
 * Hooks that the section names in full and that only watch: attaching a program there for a moment changes nothing of what others do. Not LSM,
 * fmod_ret and struct_ops, which decide for the whole machine, and none that needs an interface, a cgroup or a file at run time.
 */
const WATCHING: ReadonlySet<string> = new Set([
  'tracepoint',
  'raw-tracepoint',
  'btf-tracepoint',
  'kprobe',
  'kretprobe',
  'fentry',
  'fexit',
]);

/** Helpers by which a program that watches changes something all the same. */
const CHANGING: ReadonlySet<string> = new Set([
  'bpf_override_return',
  'bpf_probe_write_user',
  'bpf_send_signal',
  'bpf_send_signal_thread',
]);

/** Whether attaching the program for a moment says something and changes nothing. */
export function isAttachable({ hook, target }: VariantProgram, helpers: readonly string[]): boolean {
  return WATCHING.has(hook) && target !== undefined && !helpers.some((helper) => CHANGING.has(helper));
}

/**
 * Attaches a program of a loaded object and detaches it at once.
 *
 * @returns nothing where the failure says nothing of the kernel: this process cannot attach there, or the verdict knows why (a function or
 *   tracepoint may be that of a module which another node has loaded).
 */
export async function tryAttach(
  kernel: Kernel,
  object: number,
  { name, findings }: ProgramVerdict,
): Promise<EvidenceResult | undefined> {
  try {
    await kernel.tryAttach(object, name);
    return { outcome: 'ok' };
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const { code, errno } = error;
    const isExplained = findings.some(({ affects }) => affects === 'attach');
    if (code !== 'ERR_KERNEL_ATTACH' || isExplained || errno === undefined || NOT_OF_THE_KERNEL.has(errno))
      return undefined;
    return { outcome: 'failed', errno, unforeseen: true };
  }
}

/** Failures of the machine, the process or the loader. */
const NOT_OF_THE_KERNEL: ReadonlySet<string> = new Set([
  'EACCES',
  'EAGAIN',
  'EBUSY',
  'EINTR',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EOPNOTSUPP',
  'EPERM',
]);
