import { calledHelpers, contextUse, helperNumber } from '@bpfship/bpf-object';
import type { VariantProgram } from '@bpfship/media-types';

/** What a stub has to be so that a program may stand behind it. */
export interface StubShape {
  /** Section of the program, without a leading `?`. */
  section: string;
  /** Bytes of its context that it reads at most; 0 where the kernel has held that against its hook when it was loaded. */
  contextBytes: number;
  /** Whether it asks for the address of the function that it is at. */
  functionIp: boolean;
}

/** A stub's result where nothing is behind it, by hook: that of a program that is not there. */
const RESULTS: Readonly<Record<string, number>> = {
  // A perf event goes to its other readers only after 1 (kernel/trace/bpf_trace.c, trace_call_bpf).
  tracepoint: 1,
  kprobe: 1,
  kretprobe: 1,
  ksyscall: 1,
  kretsyscall: 1,
  uprobe: 1,
  uretprobe: 1,
  'perf-event': 1,
  // 1 would take such a probe away (include/linux/uprobes.h, UPROBE_HANDLER_REMOVE).
  'uprobe.multi': 0,
  'uretprobe.multi': 0,
  'kprobe-multi': 0,
  'kretprobe-multi': 0,
  'raw-tracepoint': 0,
  'btf-tracepoint': 0,
  fentry: 0,
  fexit: 0,
  'fmod-ret': 0,
  lsm: 0,
  // The same where the section names no target.
  'trace-raw-tp': 0,
  'trace-fentry': 0,
  'trace-fexit': 0,
  'modify-return': 0,
  'lsm-mac': 0,
  // NF_ACCEPT
  netfilter: 1,
};

/** The same for hooks whose links the kernel switches in place: they get stubs only where a service switches as a whole. */
const RESULTS_TOGETHER: Readonly<Record<string, number>> = {
  // XDP_PASS
  xdp: 2,
  // TC_ACT_UNSPEC, which is TCX_NEXT and NETKIT_NEXT too
  tc: -1,
  tcx: -1,
  netkit: -1,
};

/** Hooks at which a trampoline calls programs with the arguments of a function. */
const AT_FUNCTIONS: ReadonlySet<string> = new Set([
  'fentry',
  'fexit',
  'fmod-ret',
  'trace-fentry',
  'trace-fexit',
  'modify-return',
]);
/** Types whose context is as long as the hook says: the kernel looks at it only when they are attached (perf_event_set_bpf_prog, __bpf_probe_register). */
const OPEN_CONTEXTS: ReadonlySet<string> = new Set(['tracepoint', 'raw_tracepoint']);

/** Whether the programs of a hook switch by stubs where they can. */
export function switchesByStub(program: VariantProgram, together: boolean): boolean {
  return resultOf(program, together) !== undefined;
}

/** What a stub gives where nothing is behind it; `undefined` for hooks that get none. */
export function resultOf(program: VariantProgram, together: boolean): number | undefined {
  const { type, hook, section } = program;
  const [, multi] = /^\??(u(?:ret)?probe\.multi)(?:\/|$)/.exec(section) ?? [];
  const known = { ...RESULTS, ...(together ? RESULTS_TOGETHER : {}) };
  const key = multi ?? hook;
  if (Object.hasOwn(known, key)) return known[key];
  // Allowed: what a cgroup says without any program.
  return together && (type.startsWith('cgroup_') || hook === 'lsm-cgroup') ? 1 : undefined;
}

/**
 * What a stub has to be for a program, or why it can have none. The kernel checks when a program is put behind a stub that types and, for
 * tracing and LSM, prototypes are the same; what it checks only when a program is attached itself is checked here.
 *
 * @param instructions - of the loaded program, as the kernel got them.
 */
export function stubShapeOf(program: VariantProgram, instructions: Uint8Array): StubShape | { why: string } {
  const { type, hook, flags = [] } = program;
  const section = program.section.replace(/^\?/, '');
  if (flags.includes('sleepable') || /^[\w.]+\.s(?:\/|$)/.test(section)) {
    return { why: 'sleepable programs cannot be called by others' };
  }
  if (section.startsWith('usdt')) return { why: 'the arguments of USDT probes belong to its own link' };
  const helpers = calledHelpers(instructions);
  if (calls(helpers, 'bpf_override_return')) return { why: 'it calls bpf_override_return' };
  if (calls(helpers, 'bpf_get_local_storage')) return { why: 'it has cgroup storage' };
  const functionIp = AT_FUNCTIONS.has(hook) && calls(helpers, 'bpf_get_func_ip');
  if (!OPEN_CONTEXTS.has(type) && type !== 'kprobe') return { section, contextBytes: 0, functionIp };
  const use = contextUse(instructions);
  if (use === undefined) return { why: 'what it does with its context cannot be followed' };
  // Where the kernel lets probes change registers, it looks at it only when they are attached.
  if (use.writes) return { why: 'it writes to its context' };
  return { section, contextBytes: OPEN_CONTEXTS.has(type) ? use.bytes : 0, functionIp };
}

/** Whether a stub serves for a program as it is. */
export function fits(stub: StubShape, { section, contextBytes, functionIp }: StubShape): boolean {
  return stub.section === section && stub.contextBytes >= contextBytes && (stub.functionIp || !functionIp);
}

/** The shape to make a new stub in: at functions it makes their address known, since a later program may ask for it. */
export function generousShape(program: VariantProgram, shape: StubShape): StubShape {
  return AT_FUNCTIONS.has(program.hook) ? { ...shape, functionIp: true } : shape;
}

function calls(helpers: ReadonlySet<number>, name: string): boolean {
  const number = helperNumber(name);
  return number !== undefined && helpers.has(number);
}
