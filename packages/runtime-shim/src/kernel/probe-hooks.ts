import { readFileSync } from 'node:fs';
import { arch } from 'node:os';
import { Arena } from './native/arena.ts';
import { CALL, EXIT, type Instruction, load, moveNumber, MOV_R0_0 } from './native/assemble.ts';
import { type Bpf, COMMAND } from './native/bpf.ts';
import { answerOf, errnoName } from './native/errno.ts';
import { ATTACH_TYPES } from './native/names.ts';
import type { FeatureProbe } from './probe-features.ts';
import { fillProgram } from './try-program.ts';

const F_SLEEPABLE = 1 << 4;
const SIGNED_ATTR_SIZE = 168;
/** PERF_ATTR_SIZE_VER5 (include/uapi/linux/perf_event.h). */
const PERF_ATTR_SIZE = 112;
const PERF_FLAG_CLOSE_ON_EXEC = 8;
/** What names of system calls begin with (libbpf.c, arch_specific_syscall_pfx), by Node's architecture names. */
const SYSCALL_PREFIX: Readonly<Record<string, string>> = {
  x64: 'x64',
  ia32: 'ia32',
  arm64: 'arm64',
  s390x: 's390x',
  riscv64: 'riscv',
  loong64: 'loongarch',
  ppc64: 'powerpc',
};
const HELPER_ATTACH_COOKIE = 174;
/** A descriptor that no process has. */
const NO_DESCRIPTOR = 0x7fff_ffff;

/** Program types whose attach type the kernel checks when it loads (kernel/bpf/syscall.c, bpf_prog_load_check_attach). */
const CHECKED_ATTACH_TYPES: Readonly<Record<string, readonly RegExp[]>> = {
  cgroup_skb: [/^cgroup_inet_(?:in|e)gress$/],
  cgroup_sock: [/^cgroup_inet_sock_/, /_post_bind$/],
  cgroup_sock_addr: [/^cgroup_(?:inet|udp|unix)[46]?_(?:bind|connect|sendmsg|recvmsg|getpeername|getsockname)$/],
  cgroup_sockopt: [/^cgroup_[gs]etsockopt$/],
  sk_reuseport: [/^sk_reuseport_/],
};

/** Features of hooks and of loading that no program type, map type or helper stands for. */
export const HOOK_PROGRAMS: Readonly<Record<string, FeatureProbe>> = {
  ...attachTypes(),
  // Kinds of hooks that are loaded with the id of what they are for; the verifier complains of id 1 where it knows the kind.
  'fmod-ret': targeted('tracing', 'modify_return'),
  iter: targeted('tracing', 'trace_iter'),
  fsession: targeted('tracing', 'trace_fsession'),
  // Structs of up to 16 bytes among the arguments of functions (6.0): kuid_t is one.
  'struct-arguments': atFunction('from_kuid', [MOV_R0_0, EXIT]),
  // Arguments that point to numbers of more than a byte, as numbers (5.17): the position in a file is one.
  'number-pointer-arguments': atFunction('vfs_read', [load(8, 2, 1, 24), MOV_R0_0, EXIT]),
  // Arguments that point to const void (6.16): the memory that is freed is one.
  'const-void-pointer-arguments': atTracepoint('kfree', load(8, 2, 1, 8), /is not a struct/),
  // A part of a pointer among the arguments (up to 6.12): of the registers at a system call
  'narrow-pointer-arguments': atTracepoint('sys_enter', load(4, 2, 1, 0), /size 4 must be 8/),
  // Arguments that point to pointers, as numbers (7.1): argv is one.
  'pointer-pointer-arguments': atFunction('call_usermodehelper', [load(8, 2, 1, 8), MOV_R0_0, EXIT]),
  'lsm-cgroup': targeted('lsm', 'lsm_cgroup'),
  // One program for many functions (7.1), which has no target when it is loaded.
  'fentry-multi': (_bpf, attempt) =>
    answerOf(
      attempt({
        type: 'tracing',
        instructions: [MOV_R0_0, EXIT],
        attachBtfId: 0,
        attachType: attachTypeNumber('trace_fentry_multi'),
      }).result,
    ),
  trampolines: probeTrampolines,
  // Functions for errors to be injected into, which system calls are (CONFIG_FUNCTION_ERROR_INJECTION): the verifier's word about one
  'error-injection': (bpf, attempt) => {
    const attachBtfId = bpf.kernelBtfId('func', `__${SYSCALL_PREFIX[arch()] ?? ''}_sys_getpgid`);
    if (attachBtfId === undefined) return undefined;
    const attachType = attachTypeNumber('modify_return');
    const { result, log } = attempt({ type: 'tracing', instructions: [MOV_R0_0, EXIT], attachBtfId, attachType });
    if (result >= 0) return true;
    return / is not modifiable/.test(log) ? false : undefined;
  },
  // Programs at the end of functions that have none (up to 6.14; backported): the verifier's word about one
  'noreturn-functions': (bpf, attempt) => {
    const attachBtfId = bpf.kernelBtfId('func', 'do_exit');
    if (attachBtfId === undefined) return undefined;
    const attachType = attachTypeNumber('trace_fexit');
    const { result, log } = attempt({ type: 'tracing', instructions: [MOV_R0_0, EXIT], attachBtfId, attachType });
    return result >= 0 ? true : /__noreturn function/.test(log) ? false : undefined;
  },
  // Two more bits of what programs at bind(2) return (5.12)
  'bind-verdict-flags': (_bpf, attempt) => {
    const attachType = attachTypeNumber('cgroup_inet4_bind');
    return answerOf(attempt({ type: 'cgroup_sock_addr', attachType, instructions: [moveNumber(0, 3), EXIT] }).result);
  },
  // 6.0
  'sleepable-uprobe': (_bpf, attempt) =>
    answerOf(attempt({ type: 'kprobe', instructions: [MOV_R0_0, EXIT], flags: F_SLEEPABLE }).result),
  'sleepable-fentry': sleepable('tracing', 'trace_fentry', 'bpf_fentry_test1'),
  'sleepable-iter': sleepable('tracing', 'trace_iter', 'bpf_iter_task'),
  // 7.1, at tracepoints that may fault
  'sleepable-btf-tracepoint': sleepable('tracing', 'trace_raw_tp', 'sys_enter'),
  'sleepable-lsm': sleepable('lsm', 'lsm_mac', 'bpf_lsm_file_open'),
  // As libbpf asks for LINUX_HAS_BPF_COOKIE (5.15)
  'bpf-cookie': (_bpf, attempt) =>
    answerOf(attempt({ type: 'kprobe', instructions: [CALL(HELPER_ATTACH_COOKIE), EXIT] }).result),
  // As libbpf asks for LINUX_HAS_SYSCALL_WRAPPER (4.17)
  'syscall-wrapper': probeSyscallWrapper,
  // A signature is looked at, and this one is none (6.18; `struct bpf_attr` ends before it in older kernels: E2BIG).
  'signed-loader': (bpf) => {
    const result = bpf.call(COMMAND.programLoad, fillSigned, SIGNED_ATTR_SIZE);
    return result < 0 && errnoName(result) === 'E2BIG' ? false : answerOf(result) === undefined ? undefined : true;
  },
  // 6.9: the descriptor is looked at where the command is known.
  'bpf-token': (bpf) => {
    const result = bpf.call(COMMAND.tokenCreate, (attr) => attr.writeUInt32LE(NO_DESCRIPTOR, 4));
    return errnoName(result) === 'EBADF' || answerOf(result);
  },
};

function fillSigned(attr: Buffer, arena: Arena): void {
  fillProgram(attr, arena, { type: 'socket_filter', instructions: [MOV_R0_0, EXIT] });
  attr.writeBigUInt64LE(arena.copy(Buffer.alloc(8)), 152);
  attr.writeUInt32LE(8, 160);
}

/**
 * libbpf (features.c, probe_kern_syscall_wrapper) asks for a probe on the wrapper of bpf(2) itself; without the kernel's own probes it
 * would find none.
 */
function probeSyscallWrapper(bpf: Bpf): boolean | undefined {
  const prefix = SYSCALL_PREFIX[arch()];
  if (prefix === undefined) return false;
  const type = readNumber('/sys/bus/event_source/devices/kprobe/type');
  if (type === undefined) return false;
  using arena = new Arena();
  const attr = Buffer.alloc(PERF_ATTR_SIZE);
  attr.writeUInt32LE(type, 0);
  attr.writeUInt32LE(PERF_ATTR_SIZE, 4);
  attr.writeBigUInt64LE(arena.string(`__${prefix}_sys_bpf`), 56);
  const fd = bpf.native.perfEventOpen(attr, process.pid, -1, -1, PERF_FLAG_CLOSE_ON_EXEC);
  if (fd >= 0) bpf.native.close(fd);
  const error = errnoName(bpf.native.errno());
  return fd >= 0 ? true : error === 'EACCES' || error === 'EPERM' ? undefined : false;
}

function readNumber(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function attachTypes(): Record<string, FeatureProbe> {
  // Some may only return 1.
  const entries = Object.entries(CHECKED_ATTACH_TYPES).flatMap(([type, patterns]) =>
    ATTACH_TYPES.flatMap((name, attachType): [string, FeatureProbe][] =>
      patterns.some((pattern) => pattern.test(name))
        ? [
            [
              `attach-${name.replaceAll('_', '-')}`,
              (_bpf, attempt) => answerOf(attempt({ type, attachType, instructions: [moveNumber(0, 1), EXIT] }).result),
            ],
          ]
        : [],
    ),
  );
  return Object.fromEntries(entries);
}

/** Whether a program at a tracepoint may read an argument, and what the verifier says if not. */
function atTracepoint(name: string, instruction: Instruction, refusal: RegExp): FeatureProbe {
  return (bpf, attempt) => {
    const attachBtfId = bpf.kernelBtfId('typedef', `btf_trace_${name}`);
    if (attachBtfId === undefined) return undefined;
    const attachType = attachTypeNumber('trace_raw_tp');
    const instructions = [instruction, MOV_R0_0, EXIT];
    const { result, log } = attempt({ type: 'tracing', instructions, attachBtfId, attachType });
    return result >= 0 ? true : refusal.test(log) ? false : undefined;
  };
}

/** Whether a program loads at a function; `undefined` where the kernel lacks it, or programs at functions at all. */
function atFunction(name: string, instructions: readonly Instruction[]): FeatureProbe {
  return (bpf, attempt) => {
    const [target, plain] = [name, 'bpf_fentry_test1'].map((each) => bpf.kernelBtfId('func', each));
    if (target === undefined || plain === undefined) return undefined;
    const loads = (attachBtfId: number, body: readonly Instruction[]): boolean =>
      attempt({
        type: 'tracing',
        instructions: body,
        attachBtfId,
        attachType: attachTypeNumber('trace_fentry'),
      }).result >= 0;
    return loads(target, instructions) || (loads(plain, [MOV_R0_0, EXIT]) ? false : undefined);
  };
}

function attachTypeNumber(name: string): number {
  return ATTACH_TYPES.indexOf(name);
}

function targeted(type: string, attachType: string): FeatureProbe {
  return (_bpf, attempt) => {
    const { result, log } = attempt({
      type,
      instructions: [MOV_R0_0, EXIT],
      attachType: attachTypeNumber(attachType),
    });
    return /attach_btf_id 1 is not a function/.test(log) || answerOf(result);
  };
}

/** Whether fentry programs load: architectures got trampolines one by one, and a machine may forbid them while it allows tracepoints. */
function probeTrampolines(bpf: Bpf, attempt: Parameters<FeatureProbe>[1]): boolean | undefined {
  const target = bpf.kernelBtfId('func', 'bpf_fentry_test1');
  const tracepoint = bpf.kernelBtfId('typedef', 'btf_trace_sys_enter');
  if (target === undefined || tracepoint === undefined) return undefined;
  const tryLoad = (attachBtfId: number, attachType: string): number => {
    const instructions = [MOV_R0_0, EXIT];
    return attempt({ type: 'tracing', instructions, attachBtfId, attachType: attachTypeNumber(attachType) }).result;
  };
  if (tryLoad(target, 'trace_fentry') >= 0) return true;
  return tryLoad(tracepoint, 'trace_raw_tp') >= 0 ? false : undefined;
}

/** Where the kernel refuses the target and not the flag, it knows the kind. */
function sleepable(type: string, attachType: string, target: string): FeatureProbe {
  return (bpf, attempt) => {
    const attachBtfId =
      attachType === 'trace_raw_tp'
        ? bpf.kernelBtfId('typedef', `btf_trace_${target}`)
        : bpf.kernelBtfId('func', target);
    if (attachBtfId === undefined) return undefined;
    const { result, log } = attempt({
      type,
      instructions: [MOV_R0_0, EXIT],
      flags: F_SLEEPABLE,
      attachBtfId,
      attachType: attachTypeNumber(attachType),
    });
    if (result >= 0 || / is not sleepable/.test(log)) return true;
    return /can be sleepable|cannot be sleepable/.test(log) ? false : undefined;
  };
}
