import type { KconfigRequirement, KfuncRequirement, KsymRequirement } from '@bpfship/media-types';
import { type Answer, lookUp, unknown, unmet } from '../answer.ts';
import { hookAnswer } from '../facts-view.ts';
import type { KernelTypes, TypeKind } from '../kernel-types.ts';
import type { RuleContext } from './context.ts';
import { withoutBtf } from './kernel-btf.ts';

/** Externs in `.kconfig` that libbpf fills in by itself, without any kernel config (libbpf.c, bpf_object__resolve_externs). */
const RESOLVED_BY_LOADER: ReadonlySet<string> = new Set([
  'LINUX_KERNEL_VERSION',
  'LINUX_HAS_BPF_COOKIE',
  'LINUX_HAS_SYSCALL_WRAPPER',
]);

/** `kconfig` (spec/selection.md, "Kernel options"). An option that is not set is not in the config: a strong extern fails. */
export function checkKconfig({ value, weak }: KconfigRequirement, { facts }: RuleContext): Answer {
  if (RESOLVED_BY_LOADER.has(value)) return 'met';
  // The loader gives up the whole object, also for a weak extern (libbpf.c, bpf_object__read_kconfig_file).
  if (lookUp(facts.features, 'kernel-config') === false) {
    return unmet('kconfig-unreadable', `no loader finds the kernel's configuration, and the object asks for ${value}`);
  }
  if (weak) return 'met';
  if (facts.kconfig === undefined) {
    return unknown('kconfig-unknown', `the kernel's configuration could not be read, and the program needs ${value}`);
  }
  return lookUp(facts.kconfig, value) === undefined
    ? unmet('kconfig-missing', `the kernel's configuration does not set ${value}`)
    : 'met';
}

/** `ksym` (spec/selection.md, "Kernel symbols"). */
export function checkKsym({ value, typed, weak }: KsymRequirement, context: RuleContext): Answer {
  const { facts, kernel } = context;
  const what = `kernel symbol ${value}`;
  // The loader reads the kernel's BTF for typed symbols before it looks at whether they are weak.
  if (typed && !facts.btf.available) return withoutBtf(context, what);
  const told = hookAnswer(facts, typed ? 'ksym-typed' : 'ksym', value, kernel?.hasInModules);
  // The loader takes the id from BTF; the kernel then looks for the address, weak or not (verifier.c, check_pseudo_btf_id).
  if (told === false && typed && kernel?.has('var', value)) {
    return unmet(
      'ksym-hidden',
      `the kernel's BTF has ${what}, but the kernel keeps no address of it (CONFIG_KALLSYMS_ALL)`,
    );
  }
  if (weak || told === true) return 'met';
  if (told === false) return unmet('ksym-missing', `the kernel has no ${what}`);
  if (kernel?.has('var', value) || kernel?.has('func', value)) return 'met';
  if (typed && kernel && isUnread(kernel, ['var', 'func'], value)) return unreadModules(what);
  if (typed) return kernel ? unmet('ksym-missing', `the kernel's BTF has no ${what}`) : withoutBtf(context, what);
  return unknown('ksym-unknown', `it is not known whether the kernel has the symbol ${value}`);
}

/** Answered by the driver of the device that a program is loaded for (net/core/xdp.c, XDP_METADATA_KFUNC_xxx; 6.3). */
const OF_DEVICES = 'bpf_xdp_metadata_rx_';

/**
 * `kfunc` (spec/selection.md, "Kernel functions"). The call of a weak one that is missing is an invalid instruction, which guards may keep
 * the verifier from reaching; so may they keep it from a call that programs of the type are not allowed.
 */
export function checkKfunc({ value, weak, programType, prototype }: KfuncRequirement, context: RuleContext): Answer {
  const { facts, kernel } = context;
  const what = `kernel function ${value}`;
  if (!facts.btf.available) return withoutBtf(context, what);
  const told = hookAnswer(facts, 'kfunc', value, kernel?.hasInModules);
  if (told === undefined && !kernel) return withoutBtf(context, what);
  if (told === undefined && !kernel?.has('func', value)) {
    if (kernel && isUnread(kernel, ['func'], value)) return unreadModules(what);
    return unmet('kfunc-missing', `the kernel has no ${what}`);
  }
  if (told === false) return unmet('kfunc-missing', `the kernel has no ${what}`);
  const theirs = prototype === undefined ? undefined : kernel?.prototypeOf(value);
  if (theirs !== undefined && theirs !== prototype) {
    const reason = `the kernel's ${what} has other parameters than the object declares`;
    // Loaders differ in what they make of a weak one (libbpf, bpf_object__resolve_ksym_func_btf_id).
    return weak ? unknown('kfunc-incompatible', reason) : unmet('kfunc-incompatible', reason);
  }
  if (lookUp(facts.features, 'kfunc-calls') === false)
    return unmet(
      'kfunc-not-callable',
      `the kernel lets no program call kernel functions, and this one calls ${value}`,
      '5.13',
    );
  // Which struct's programs may call it is not asked for.
  if (programType === undefined || programType === 'struct_ops') return 'met';
  const callable = lookUp(lookUp(facts.kfuncs, programType), value);
  if (callable === false) return unmet('kfunc-not-callable', `${programType} programs may not call the ${what}`);
  if (!value.startsWith(OF_DEVICES)) return 'met';
  return unknown('device-bound', `only programs that are loaded for one network device may call the ${what}`);
}

/** Whether a loaded module may have it whose BTF was not read. */
function isUnread(kernel: KernelTypes, kinds: readonly TypeKind[], name: string): boolean {
  return kinds.some((kind) => kernel.hasInModules(kind, name) === undefined);
}

function unreadModules(what: string): Answer {
  return unknown('module-btf-unread', `the kernel image has no ${what}, and the BTF of modules was not read`);
}
