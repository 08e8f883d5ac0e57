import { arch } from 'node:os';
import type { AttachedLink } from '../kernel.ts';
import { errnoName } from '../native/errno.ts';
import { type AttachRequest, attachError, refuse } from './attach-request.ts';
import { keepPerfEvents } from './keep-perf-events.ts';
import { openPerfEvent, probeKind } from './open-perf-event.ts';

/** What names of system calls' functions begin with (libbpf.c, arch_specific_syscall_pfx), by Node's architecture names. */
const SYSCALL_PREFIX: Readonly<Record<string, string>> = {
  x64: 'x64',
  ia32: 'ia32',
  arm64: 'arm64',
  s390x: 's390x',
  riscv64: 'riscv',
  loong64: 'loongarch',
  ppc64: 'powerpc',
};

/** Attaches to a function of the kernel: `kprobe/FUNCTION+OFFSET`, `kretprobe/FUNCTION`. */
export function attachKprobe(request: AttachRequest): AttachedLink {
  const { attachment, options, program } = request;
  const symbol = options.symbol ?? attachment.target ?? attachment.extra;
  if (symbol === undefined) {
    throw refuse(`program "${program}" needs a function of the kernel`, 'Its section names none: give its name.');
  }
  const offset = options.offset ?? (options.symbol === undefined ? attachment.targetOffset : undefined) ?? 0;
  return keepPerfEvents(request, openKprobes(request, [symbol], offset), `the function ${symbol}`);
}

/** Attaches to a system call's function: `ksyscall/NAME`, `kretsyscall/NAME`. */
export function attachSystemCall(request: AttachRequest): AttachedLink {
  const { attachment, options, program } = request;
  const name = options.symbol ?? attachment.extra;
  if (name === undefined) {
    throw refuse(`program "${program}" needs a system call`, 'Its section names none: give its name, e.g. openat.');
  }
  // Without wrappers (before 4.17, or by configuration) the function is the inner one.
  const prefix = SYSCALL_PREFIX[arch()];
  const names = [...(prefix === undefined ? [] : [`__${prefix}_sys_${name}`]), `__se_sys_${name}`];
  return keepPerfEvents(request, openKprobes(request, names), `the system call ${name}`);
}

/**
 * Opens a probe on the first of some functions that the kernel has.
 *
 * @throws {KernelError} where it has none of them, or refuses.
 */
export function openKprobes(request: AttachRequest, names: readonly string[], offset = 0): number[] {
  const { bpf, section } = request;
  const kind = probeKind('kprobe');
  if (kind === undefined) {
    throw refuse(
      `program "${request.program}" needs kprobes, which this kernel has not`,
      'It is built without CONFIG_KPROBES or CONFIG_PERF_EVENTS, or /sys is not mounted.',
      'EOPNOTSUPP',
    );
  }
  const config = /^k(?:ret|retsys)/.test(section) ? kind.returnBit : 0n;
  let result = 0;
  for (const text of names) {
    result = openPerfEvent(bpf, { type: kind.type, config, text, offset: BigInt(offset) });
    if (result >= 0) return [result];
    if (errnoName(result) !== 'ENOENT') break;
  }
  throw attachError(request, `the function ${names[0]}`, result, {
    ENOENT:
      'The kernel has no such function, it is inlined, or its module is not loaded; /proc/kallsyms lists what there is.',
    EADDRNOTAVAIL: 'The kernel has several functions of this name and does not know which is meant.',
    EINVAL: 'The kernel allows no probe on this function or at this offset: /sys/kernel/debug/kprobes/blacklist.',
    EILSEQ: 'The offset is in the middle of an instruction.',
  });
}
