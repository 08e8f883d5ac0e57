import type { AttachTargetRequirement } from '@bpfship/media-types';
import { about, type Answer, lookUp, type Tristate, unknown, unmet } from '../answer.ts';
import { hookAnswer } from '../facts-view.ts';
import { FEATURES_SINCE } from '../since/features.ts';
import type { TypeKind } from '../kernel-types.ts';
import { checkPrototype } from './prototype-rule.ts';
import type { RuleContext } from './context.ts';
import { withoutBtf } from './kernel-btf.ts';

/** How the kernel's BTF answers for a hook (libbpf's `attach_btf_id` prefixes; kernel: DECLARE_TRACE, bpf_lsm.c, bpf_iter.h). */
interface BtfWitness {
  readonly kind: TypeKind;
  readonly prefix: string;
  /** The program refers to the target by BTF id: without the kernel's BTF it cannot load. */
  readonly needsBtf: boolean;
  /** What it says where BTF lacks the name: `missing`, or `unknown` where the kernel holds more targets than its BTF lists. */
  readonly absent: 'missing' | 'unknown';
}

const TRACEPOINT = { kind: 'typedef', prefix: 'btf_trace_', absent: 'missing' } as const;
const FUNCTION = { kind: 'func', prefix: '', absent: 'missing', needsBtf: true } as const;
// pahole leaves out functions with optimised signatures; kallsyms, which kprobes go by, still has them.
const SYMBOL = { kind: 'func', prefix: '', absent: 'unknown', needsBtf: false } as const;
const LSM = { kind: 'func', prefix: 'bpf_lsm_', absent: 'missing', needsBtf: true } as const;

const WITNESSES: ReadonlyMap<string, BtfWitness> = new Map<string, BtfWitness>([
  ['raw-tracepoint', { ...TRACEPOINT, needsBtf: false }],
  ['btf-tracepoint', { ...TRACEPOINT, needsBtf: true }],
  ['fentry', FUNCTION],
  ['fexit', FUNCTION],
  ['fmod-ret', FUNCTION],
  ['iter', { kind: 'func', prefix: 'bpf_iter_', absent: 'missing', needsBtf: true }],
  // The kernel registers each with a struct of this name (include/linux/bpf.h); libbpf looks it up in the image and in modules.
  ['struct-ops', { kind: 'struct', prefix: 'bpf_struct_ops_', absent: 'missing', needsBtf: true }],
  ['lsm', LSM],
  ['lsm-cgroup', LSM],
  ['kprobe', SYMBOL],
  ['kretprobe', SYMBOL],
]);

/** `attach-target` (spec/selection.md, "Attach targets"). */
export function checkAttachTarget(requirement: AttachTargetRequirement, context: RuleContext): Answer {
  const { hook, value, loader } = requirement;
  const asked = loader === undefined || lookUp(context.facts.features, loader);
  if (asked === false) return 'met';
  const witness = WITNESSES.get(hook);
  const name = `${hook} target ${value}`;
  const told = hookAnswer(context.facts, hook, value, context.kernel?.hasInModules);
  if (told === undefined && witness?.needsBtf && !context.kernel) return withoutBtf(context, name);
  if (witness === FUNCTION && lookUp(context.facts.features, 'trampolines') === false) {
    return unmet('trampolines-missing', `programs at functions cannot be loaded on this node: ${name}`, '5.5');
  }
  const there = told ?? (witness ? inBtf(witness, value, context) : undefined);
  // The loader looks a target up by BTF id before it loads; all others only when it attaches.
  const affects = witness?.needsBtf === true ? 'load' : 'attach';
  if (there === false) {
    const reason = `the kernel has no ${name}`;
    if (asked === undefined)
      return about(affects, unknown('attach-target-missing', `${reason}, if the loader asks for it`));
    return about(affects, unmet('attach-target-missing', reason, FEATURES_SINCE.get(hook)));
  }
  if (there === undefined) {
    return about(affects, unknown('attach-target-unknown', `it is not known whether the kernel has the ${name}`));
  }
  const lacking = missingMember(requirement, context);
  if (lacking !== undefined) {
    return unmet('struct-member-missing', `struct ${value} of this kernel has no member ${lacking}`);
  }
  const callable = checkPrototype(requirement, context);
  if (callable !== 'met') return callable;
  return witness === LSM ? checkLsmList(value, context) : 'met';
}

/** The first member of a struct of struct_ops that the kernel's struct has not; the loader then gives up the object. */
function missingMember({ value, members = [] }: AttachTargetRequirement, { kernel }: RuleContext): string | undefined {
  const theirs = members.length > 0 ? kernel?.membersOf(value) : undefined;
  return theirs && members.find((member) => !theirs.has(member));
}

function inBtf({ kind, prefix, absent }: BtfWitness, value: string, { kernel }: RuleContext): Tristate {
  if (!kernel) return undefined;
  // `function+0x10`: the offset is the author's promise, the function is what the kernel must have.
  const [symbol = value] = kind === 'func' ? value.split('+') : [value];
  if (kernel.has(kind, prefix + symbol)) return true;
  // What only a module has that was not read may be there; LSM hooks are in the image alone.
  const mayBeInModules = prefix !== LSM.prefix && kernel.hasInModules(kind, prefix + symbol) === undefined;
  return absent === 'missing' && !mayBeInModules ? false : undefined;
}

/** An LSM program on a kernel whose active LSMs leave out `bpf` loads and attaches, and never fires. That is no service. */
function checkLsmList(value: string, { facts }: RuleContext): Answer {
  if (facts.lsm === undefined) {
    return about('fire', unknown('lsm-unknown', 'the list of active LSMs could not be read'));
  }
  if (facts.lsm.includes('bpf')) return 'met';
  return about(
    'fire',
    unmet('lsm-inactive', `lsm target ${value} would load but never fire: "bpf" is not among the kernel's active LSMs`),
  );
}
