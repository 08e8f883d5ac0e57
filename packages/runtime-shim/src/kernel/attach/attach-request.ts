import type { ProgramAttachment } from '@bpfship/bpf-object';
import type { AttachOptions } from '../kernel.ts';
import { KernelError } from '../kernel-error.ts';
import type { Bpf } from '../native/bpf.ts';
import { callError, errnoName } from '../native/errno.ts';
import type { Pointer } from '../native/library.ts';

/** A map of the object that a program is of. */
export interface ObjectMap {
  readonly name: string;
  /** libbpf's name of its type. */
  readonly type: string;
  readonly fd: number;
}

/** One program to attach: the descriptor and the section say all, so that it need not be the service's own object that is attached. */
export interface AttachRequest {
  readonly bpf: Bpf;
  /** The program's name, for messages. */
  readonly program: string;
  readonly fd: number;
  /** Without a leading `?`. */
  readonly section: string;
  readonly attachment: ProgramAttachment;
  readonly options: AttachOptions;
  /** The object's maps. */
  readonly maps: readonly ObjectMap[];
  /** libbpf's program, for what only libbpf can attach (USDT). */
  readonly pointer: Pointer;
}

/** A target that is needed and not given, or not there. */
export function refuse(message: string, hint: string, errno?: string): KernelError {
  return new KernelError('ERR_KERNEL_ATTACH', message, { hint, ...(errno === undefined ? {} : { errno }) });
}

/** What a refusal most probably means, where the hook's family knows nothing better. */
const HINTS: Readonly<Record<string, string>> = {
  EBUSY: 'Another program has this hook, which has room for one; "bpftool link" and "bpftool net" show it.',
  EEXIST: 'Another program has this hook already; "bpftool link" and "bpftool net" show it.',
  E2BIG: 'The hook has as many programs as the kernel allows; "bpftool link" shows them.',
  ENOENT: 'The kernel has no such hook; "bpfship check" shows what the variant needs.',
  ESRCH: 'What the program is to attach to is not there; "bpfship check" shows what the variant needs.',
  EMFILE: 'This process has too many open files: raise its limit ("ulimit -n").',
  ENOSPC: 'The hook has as many programs as the kernel allows; "bpftool link" shows them.',
};

/**
 * The error of a call that attaches.
 *
 * @param where - the target, as people know it, e.g. `the interface eth0`.
 * @param result - `-errno`.
 * @param hints - by errno, where the family knows better than {@link HINTS}.
 */
export function attachError(
  { program, section }: Pick<AttachRequest, 'program' | 'section'>,
  where: string,
  result: number,
  hints: Readonly<Record<string, string>> = {},
): KernelError {
  const errno = errnoName(result);
  return callError('ERR_KERNEL_ATTACH', `attaching program "${program}" (${section}) to ${where}`, result, {
    hint:
      hints[errno] ??
      HINTS[errno] ??
      (errno === 'EPERM' || errno === 'EACCES'
        ? 'Run it as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; a lockdown or LSM policy of this machine may forbid it too.'
        : 'The kernel may not know this way of attaching, or not for this program; "bpfship check" shows what the variant needs.'),
  });
}
