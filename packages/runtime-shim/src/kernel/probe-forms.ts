import { EXIT, MOV_R0_0 } from './native/assemble.ts';
import type { Bpf } from './native/bpf.ts';
import type { ProbedKind } from './native/find-btf-ids.ts';
import { ATTACH_TYPES } from './native/names.ts';
import type { Try } from './probe-features.ts';
import type { TrialProgram } from './try-program.ts';

const F_SLEEPABLE = 1 << 4;
/** The most members of a struct that are tried. */
const MAX_MEMBERS = 64;

/** A form in which a program of some type is loaded; what may be called depends on it. */
export interface ProgramForm extends Pick<TrialProgram, 'flags' | 'attachBtfId' | 'attachType'> {
  /** The word for it in requirements and facts (spec/kernel-facts.md, "Helpers and kernel functions"). */
  name?: string;
}

interface Target {
  attachType: string;
  kind: ProbedKind;
  name: string;
  sleepable?: true;
}

/**
 * For types that load only onto something: things that about every kernel with BTF has. The verifier lets iterators, programs with a
 * trampoline (fentry and its kin) and sleepable programs call different helpers (kernel/trace/bpf_trace.c, tracing_prog_func_proto).
 */
const TARGETS: Readonly<Record<string, readonly Target[]>> = {
  tracing: [
    { attachType: 'trace_iter', kind: 'func', name: 'bpf_iter_task' },
    { attachType: 'trace_fentry', kind: 'func', name: 'bpf_fentry_test1' },
    { attachType: 'trace_fsession', kind: 'func', name: 'bpf_fentry_test1' },
    { attachType: 'trace_iter', kind: 'func', name: 'bpf_iter_task', sleepable: true },
    { attachType: 'trace_fentry', kind: 'func', name: 'bpf_fentry_test1', sleepable: true },
    // Iterators over sockets may call more.
    { attachType: 'trace_iter', kind: 'func', name: 'bpf_iter_tcp' },
    { attachType: 'trace_raw_tp', kind: 'typedef', name: 'btf_trace_sys_enter' },
    { attachType: 'trace_raw_tp', kind: 'typedef', name: 'btf_trace_sys_enter', sleepable: true },
  ],
  lsm: [
    { attachType: 'lsm_mac', kind: 'func', name: 'bpf_lsm_file_open' },
    { attachType: 'lsm_mac', kind: 'func', name: 'bpf_lsm_file_open', sleepable: true },
    // Of the hooks at which programs for cgroups may set options of sockets.
    { attachType: 'lsm_cgroup', kind: 'func', name: 'bpf_lsm_socket_post_create' },
  ],
};
/** Attach types of programs that run before and after a function. */
const SESSIONS = ['trace_kprobe_session', 'trace_uprobe_session'] as const;
/** Structs of functions that a program may be. */
const STRUCTS = ['tcp_congestion_ops', 'sched_ext_ops'] as const;

/**
 * The forms in which helpers and kernel functions are tried with programs of a type. None where programs of the type cannot be loaded
 * alone (`ext`), or the kernel has none of the targets.
 */
export function formsOf(bpf: Bpf, type: string, attempt: Try): ProgramForm[] {
  if (type === 'ext') return [];
  if (type === 'syscall') return [{ flags: F_SLEEPABLE }];
  // A sleepable one is for user functions only (6.0); where the kernel knows none, the form does not load and says nothing.
  // Some functions are for sessions only.
  if (type === 'kprobe')
    return [
      { name: 'kprobe' },
      { name: 'kprobe.s', flags: F_SLEEPABLE },
      ...SESSIONS.map((name) => ({ name, attachType: ATTACH_TYPES.indexOf(name) })),
    ];
  if (type === 'struct_ops') return STRUCTS.flatMap((name) => structForm(bpf, name, attempt));
  const targets = TARGETS[type];
  if (!targets) return [{}];
  return targets.flatMap(({ attachType, kind, name, sleepable }) => {
    const attachBtfId = bpf.kernelBtfId(kind, name);
    if (attachBtfId === undefined) return [];
    const flags = sleepable ? F_SLEEPABLE : 0;
    return [{ name: `${attachType}${sleepable ? '.s' : ''}`, attachBtfId, attachType: number(attachType), flags }];
  });
}

/**
 * The forms that a word of the requirement language stands for. Types that are loaded without a target have one for each attach type; a
 * kernel that does not know it refuses the program before it looks at it.
 */
export function formsNamed(all: readonly ProgramForm[], name: string): ProgramForm[] {
  const named = all.filter((form) => form.name === name);
  if (named.length > 0 || all.some((form) => form.name !== undefined)) return named;
  return ATTACH_TYPES.includes(name) ? [{ name, attachType: number(name) }] : [];
}

function number(attachType: string): number {
  return ATTACH_TYPES.indexOf(attachType);
}

/** A program stands for a member by its number, and which members may be programs only the kernel knows: the first that loads. */
function structForm(bpf: Bpf, name: string, attempt: Try): ProgramForm[] {
  const attachBtfId = bpf.kernelBtfId('struct', name);
  if (attachBtfId === undefined) return [];
  for (let attachType = 0; attachType < MAX_MEMBERS; attachType++) {
    const { result } = attempt({ type: 'struct_ops', instructions: [MOV_R0_0, EXIT], attachBtfId, attachType });
    if (result >= 0) return [{ attachBtfId, attachType }];
  }
  return [];
}
