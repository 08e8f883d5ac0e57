import type { ContextFieldRequirement, HookArgumentRequirement } from '@bpfship/media-types';
import { type Answer, lookUp, type Tristate, unknown, unmet } from '../answer.ts';
import type { KernelTypes } from '../kernel-types.ts';
import { targetShape } from './target-shape.ts';
import type { RuleContext } from './context.ts';

type Shape = NonNullable<ReturnType<KernelTypes['shapeOf']>>;

/** The kernel's struct that programs of a type see as their context, by program type (include/linux/bpf_types.h). */
const CONTEXTS: ReadonlyMap<string, string> = new Map([
  ...[
    'socket_filter',
    'sched_cls',
    'sched_act',
    'cgroup_skb',
    'sk_skb',
    'lwt_in',
    'lwt_out',
    'lwt_xmit',
    'lwt_seg6local',
    'flow_dissector',
  ].map((type) => [type, '__sk_buff'] as const),
  ['xdp', 'xdp_md'],
  ['sock_ops', 'bpf_sock_ops'],
  ['cgroup_sock', 'bpf_sock'],
  ['cgroup_sock_addr', 'bpf_sock_addr'],
  ['cgroup_device', 'bpf_cgroup_dev_ctx'],
  ['cgroup_sysctl', 'bpf_sysctl'],
  ['cgroup_sockopt', 'bpf_sockopt'],
  ['sk_msg', 'sk_msg_md'],
  ['sk_reuseport', 'sk_reuseport_md'],
  ['sk_lookup', 'bpf_sk_lookup'],
  ['perf_event', 'bpf_perf_event_data'],
  ['kprobe', 'pt_regs'],
]);
/** Types whose programs may read the bytes from the first number to before the second, and nothing else (kernel/trace/bpf_trace.c). */
const FIXED: ReadonlyMap<string, readonly [number, number]> = new Map([
  // PERF_MAX_TRACE_SIZE of newer kernels; older ones have 2048.
  ['tracepoint', [8, 8192]],
  // MAX_BPF_FUNC_ARGS
  ['raw_tracepoint', [0, 96]],
]);
/** Bytes of most fields. */
const WORD = 4;

/** The name of an access in the facts. */
export function contextFieldName({
  access,
  offset,
  size,
}: Pick<ContextFieldRequirement, 'access' | 'offset' | 'size'>): string {
  return `${access}-${size}@${offset}`;
}

/** The name in the facts of the programs that are allowed the same. */
export function contextName({
  programType,
  attachType,
}: Pick<ContextFieldRequirement, 'programType' | 'attachType'>): string {
  return attachType === undefined ? programType : `${programType}/${attachType}`;
}

/** `context-field` (spec/selection.md, "Contexts"). */
export function checkContextField(requirement: ContextFieldRequirement, { facts, kernel }: RuleContext): Answer {
  const { programType, access, offset, size } = requirement;
  const verb = access === 'read' ? 'read' : access === 'write' ? 'write' : 'write a number to';
  const what = `${programType} programs ${verb} ${size} bytes at ${offset} of their context`;
  const told = lookUp(lookUp(facts.contextFields, contextName(requirement)), contextFieldName(requirement));
  if (told === true) return 'met';
  if (told === false) return unmet('context-field-refused', `the kernel does not let ${what}`);
  if (offset % size !== 0) return unmet('context-field-refused', `no kernel lets ${what}: the place is not aligned`);
  if (isWithinReadableWord(requirement, facts)) return 'met';
  const fixed = FIXED.get(programType);
  if (fixed && (access !== 'read' || offset < fixed[0] || offset + size > fixed[1]))
    return unmet('context-field-refused', `no kernel lets ${what}`);
  const struct = CONTEXTS.get(programType);
  const end = struct === undefined ? undefined : kernel?.sizeOfStruct(struct);
  if (end !== undefined && (offset < 0 || offset + size > end)) {
    return unmet(
      'context-field-refused',
      `the kernel's struct ${struct} has ${end} bytes, so that it cannot let ${what}`,
    );
  }
  return unknown('context-field-unknown', `it was not probed whether the kernel lets ${what}`);
}

/**
 * A part of a field of 4 bytes: where the kernel lets programs read as much at its begin, it lets them read any aligned part
 * (include/linux/filter.h, bpf_ctx_narrow_access_ok). Nobody asks for each. Where the whole is not told, every kernel allows it.
 */
function isWithinReadableWord(requirement: ContextFieldRequirement, facts: RuleContext['facts']): boolean {
  const { access, offset, size } = requirement;
  if (access !== 'read' || size >= WORD || offset % WORD === 0 || offset < 0) return false;
  const begin = offset - (offset % WORD);
  const told = (each: number): Tristate =>
    lookUp(
      lookUp(facts.contextFields, contextName(requirement)),
      contextFieldName({ access, offset: begin, size: each }),
    );
  return told(size) === true && told(WORD) !== false;
}

/** Of arguments that a trampoline takes along (include/linux/bpf.h, MAX_BPF_FUNC_ARGS). */
const MAX_ARGUMENTS = 12;
const SLOT = 8;
/** Hooks whose programs see what the function returned, after its arguments. */
const SEE_RESULT: ReadonlySet<string> = new Set(['fexit', 'fmod-ret', 'lsm', 'lsm-cgroup']);

/** `hook-argument` (spec/selection.md, "Arguments of hooks"; kernel/bpf/btf.c, btf_ctx_access). */
export function checkHookArgument(requirement: HookArgumentRequirement, context: RuleContext): Answer {
  const { hook, value, access, offset, size } = requirement;
  const what = `${hook} programs at ${value} ${access === 'read' ? 'read' : 'write'} ${size} bytes at ${offset} of the arguments`;
  const refused = (why: string): Answer => unmet('hook-argument-refused', `the kernel does not let ${what}: ${why}`);
  if (access !== 'read') return refused('they can only be read');
  if (offset < 0 || offset % SLOT !== 0 || offset >= MAX_ARGUMENTS * SLOT) return refused('no argument begins there');
  const shape = targetShape(hook, value, context.kernel);
  // Whether the target is there at all is the `attach-target`'s to say.
  if (!shape) return 'met';
  const argument = argumentAt(shape, offset, SEE_RESULT.has(hook));
  if (!argument) return refused(`there are ${shape.parameters.length} arguments`);
  if (argument.kind === 'number' || argument.kind === 'struct') {
    return argument.size > 16 ? refused('its type is none that programs may see') : 'met';
  }
  if (argument.kind !== 'pointer') {
    return argument.kind === 'union'
      ? unknown('hook-argument-unknown', `it is not known whether the kernel lets ${what}, which is a union`)
      : refused('its type is none that programs may see');
  }
  const whole = size === SLOT || lookUp(context.facts.features, 'narrow-pointer-arguments');
  if (whole === false) return refused('a pointer has 8 bytes');
  if (whole === undefined)
    return unknown('hook-argument-unknown', `it is not known whether the kernel lets ${what}: a pointer has 8 bytes`);
  if (argument.to === 'pointer' || argument.to === 'other') return pointerAnswer(argument.to, refused, context, what);
  if (argument.to === 'qualified-void' && lookUp(context.facts.features, 'const-void-pointer-arguments') === false)
    return refused('it is a pointer to const void');
  return argument.to === 'number' && lookUp(context.facts.features, 'number-pointer-arguments') === false
    ? refused('it is a pointer to a number')
    : 'met';
}

/** Pointers to other things than structs and numbers came later, as mere numbers. */
function pointerAnswer(
  to: 'pointer' | 'other',
  refused: (why: string) => Answer,
  { facts }: RuleContext,
  what: string,
): Answer {
  const able = lookUp(facts.features, 'pointer-pointer-arguments');
  if (able === false) return refused('it is a pointer to neither a struct nor a number');
  if (able === true && to === 'pointer') return 'met';
  return unknown('hook-argument-unknown', `it is not known whether the kernel lets ${what}, a pointer of a rare kind`);
}

/** The argument in a slot, or after the last one what the function returns (kernel/bpf/btf.c, get_ctx_arg_idx). */
function argumentAt({ parameters, result }: Shape, offset: number, seesResult: boolean): Shape['result'] | undefined {
  let end = 0;
  for (const parameter of [...parameters, ...(seesResult ? [result] : [])]) {
    end += Math.ceil(parameter.size / SLOT) * SLOT;
    if (offset < end) return parameter;
  }
  return undefined;
}
