import type { Tristate } from './answer.ts';
import type { NameList } from './facts-packed.ts';
import type { TypeKind } from './kernel-types.ts';

/** What tells whether a hook or symbol is there, beside the BTF of the kernel image. Absent: not known. */
export interface HookSources {
  /** Functions in /proc/kallsyms, those of modules too. */
  readonly functions?: NameList;
  /** The other symbols in /proc/kallsyms. */
  readonly variables?: NameList;
  /** Tracepoints in tracefs, as `group/name`. */
  readonly tracepoints?: NameList;
  /** Whether a loaded module's BTF has a type; undefined where that is not known. Default: no module is known. */
  readonly inModules?: (kind: TypeKind, name: string) => Tristate;
}

const SYSTEM_CALL_HEADS = ['__x64_sys_', '__arm64_sys_', '__riscv_sys_', '__s390x_sys_', '__se_sys_', 'sys_'];

/**
 * Whether the kernel has what a program goes to: a target of a hook, or for `ksym`, `ksym-typed` and `kfunc` a symbol. `undefined` where
 * that is for the BTF of the kernel image to say (spec/kernel-facts.md, "Hooks"). The same rule reads a node and an exported document.
 */
export function answerHook(hook: string, target: string, sources: HookSources): Tristate {
  switch (hook) {
    case 'kprobe':
    case 'kretprobe':
      return isFunction(withoutOffset(target), sources);
    case 'kprobe-multi':
    case 'kretprobe-multi':
    case 'kprobe-session':
      return sources.functions?.matches(target);
    case 'ksyscall':
    case 'kretsyscall':
      return sources.functions && SYSTEM_CALL_HEADS.some((head) => sources.functions?.has(head + target));
    case 'tracepoint':
      return sources.tracepoints?.has(target);
    case 'raw-tracepoint':
    case 'btf-tracepoint':
      return answerTracepoint(hook, target, sources);
    case 'fentry':
    case 'fexit':
    case 'fmod-ret':
    case 'kfunc':
      return isFunction(target, sources) === false ? false : sources.inModules?.('func', target) ? true : undefined;
    case 'struct-ops':
      return sources.inModules?.('struct', `bpf_struct_ops_${target}`) ? true : undefined;
    case 'ksym':
      return isSymbol(target, sources);
    case 'ksym-typed':
      return isSymbol(target, sources) === false ? false : isTypedInModules(target, sources) ? true : undefined;
    default:
      return undefined;
  }
}

/** kallsyms need not list a tracepoint's own symbols: it can only confirm. The verifier wants the type of one that it knows by BTF. */
function answerTracepoint(hook: string, target: string, sources: HookSources): Tristate {
  if (sources.inModules?.('typedef', `btf_trace_${target}`)) return true;
  if (hook === 'btf-tracepoint') return undefined;
  const listed =
    sources.functions?.has(`__traceiter_${target}`) || sources.variables?.has(`__tracepoint_${target}`) || false;
  return listed ? true : undefined;
}

/** Kernels built with link time optimisation may know a function by a name with a tail: then nothing is sure. */
function isFunction(name: string, { functions }: HookSources): Tristate {
  if (!functions) return undefined;
  return functions.has(name) || (functions.begins(`${name}.llvm.`) ? undefined : false);
}

function isSymbol(name: string, { functions, variables }: HookSources): Tristate {
  if (functions?.has(name) || variables?.has(name)) return true;
  if (!functions || !variables) return undefined;
  return functions.begins(`${name}.llvm.`) || variables.begins(`${name}.llvm.`) ? undefined : false;
}

function isTypedInModules(name: string, { inModules }: HookSources): boolean {
  return inModules?.('var', name) === true || inModules?.('func', name) === true;
}

function withoutOffset(target: string): string {
  return target.split('+')[0] ?? target;
}
