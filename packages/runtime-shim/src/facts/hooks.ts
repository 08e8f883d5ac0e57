import { access, readFile } from 'node:fs/promises';
import {
  type AttachTargetRequirement,
  isKnownRequirement,
  type KfuncRequirement,
  type KsymRequirement,
  type Requirement,
} from '@bpfship/media-types';
import { matchesPattern } from './matches-pattern.ts';
import { findInModules, type ModuleName } from './module-btf.ts';

const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** How kallsyms answers for a target of a hook. */
interface SymbolWitness {
  /** Symbols any of which shows that the target is there. */
  symbols(target: string): string[];
  /** Name in the kernel's BTF without which the target is not in the kernel image, but perhaps in a module. */
  btfName?(target: string): string;
  /** Whether kallsyms lacks nothing that the hook could take: then a target that is not listed is not there. */
  complete: boolean;
}

const withoutOffset = (target: string): string => target.split('+')[0] ?? target;
const FUNCTION: SymbolWitness = { symbols: (target) => [withoutOffset(target)], complete: true };
const SYSTEM_CALL: SymbolWitness = {
  symbols: (target) => ['__x64_sys_', '__arm64_sys_', '__riscv_sys_', '__se_sys_', 'sys_'].map((head) => head + target),
  complete: true,
};
const TRACEPOINT: SymbolWitness = {
  symbols: (target) => [`__tracepoint_${target}`, `__traceiter_${target}`],
  btfName: (target) => `btf_trace_${target}`,
  complete: false,
};

/** By hook; the others are answered by BTF alone, or at run time. */
const SYMBOL_WITNESSES: ReadonlyMap<string, SymbolWitness> = new Map([
  ...['kprobe', 'kretprobe', 'kprobe-multi', 'kretprobe-multi', 'kprobe-session'].map(
    (hook): [string, SymbolWitness] => [hook, FUNCTION],
  ),
  ['ksyscall', SYSTEM_CALL],
  ['kretsyscall', SYSTEM_CALL],
  ['raw-tracepoint', TRACEPOINT],
]);

/** What a program refers to by BTF id, which kallsyms cannot promise: name and kind in BTF. */
const BTF_WITNESSES: ReadonlyMap<string, (target: string) => ModuleName> = new Map([
  ...['fentry', 'fexit', 'fmod-ret'].map((hook): [string, (target: string) => ModuleName] => [hook, functionNamed]),
  ['btf-tracepoint', (target: string): ModuleName => ({ name: `btf_trace_${target}`, kinds: ['typedef'] })],
]);

function functionNamed(name: string): ModuleName {
  return { name, kinds: ['func'] };
}

/** A question to kallsyms: where its answer goes, and what gives it. */
interface SymbolQuestion {
  hook: string;
  target: string;
  symbols: string[];
  complete: boolean;
}

/** A question to the BTF of modules. */
interface ModuleQuestion extends ModuleName {
  hook: string;
  target: string;
}

/**
 * Answers for hooks and symbols that the BTF of the kernel image cannot answer: tracepoints by tracefs; what only modules have by their
 * BTF; functions and symbols by kallsyms (spec/kernel-facts.md, "Modules"). What cannot be read is left out.
 *
 * @param btf - of the kernel image.
 * @param btfFolder - where the kernel shows the BTF of its modules. Default `/sys/kernel/btf`.
 */
export async function readHooks(
  requirements: readonly Requirement[],
  btf: Uint8Array | undefined,
  btfFolder = '/sys/kernel/btf',
): Promise<Record<string, Record<string, boolean>>> {
  const hooks: Record<string, Record<string, boolean>> = {};
  const answer = (hook: string, target: string, there: boolean): void => {
    (hooks[hook] ??= {})[target] = there;
  };
  const known = requirements.filter(isKnownRequirement);
  const tracepoints = known.filter((requirement): requirement is AttachTargetRequirement => {
    return requirement.kind === 'attach-target' && requirement.hook === 'tracepoint';
  });
  const tracefs = tracepoints.length > 0 ? await findTracefs() : undefined;
  for (const { hook, value } of tracefs === undefined ? [] : tracepoints) {
    if (/^\w+\/\w+$/.test(value)) answer(hook, value, await exists(`${tracefs}/events/${value}`));
  }
  const inModules = btf ? known.flatMap((requirement) => moduleQuestion(requirement, btf) ?? []) : [];
  for (const { hook, target } of btf ? await findInModules(inModules, btf, btfFolder) : []) answer(hook, target, true);
  const questions = known.flatMap((requirement) => symbolQuestion(requirement, btf) ?? []);
  const names = questions.length > 0 ? await readSymbolNames() : undefined;
  for (const { hook, target, symbols, complete } of names ? questions : []) {
    const there = symbols.some((symbol) => hasSymbol(names, symbol));
    if (there || complete) answer(hook, target, there);
  }
  return hooks;
}

function symbolQuestion(
  requirement: Requirement & { kind: string },
  btf: Uint8Array | undefined,
): SymbolQuestion | undefined {
  const known = requirement as AttachTargetRequirement | KsymRequirement;
  // The loader itself looks untyped symbols up in kallsyms.
  if (known.kind === 'ksym' && !known.typed) {
    return { hook: 'ksym', target: known.value, symbols: [known.value], complete: true };
  }
  const witness = known.kind === 'attach-target' ? SYMBOL_WITNESSES.get(known.hook) : undefined;
  if (known.kind !== 'attach-target' || !witness) return undefined;
  if (witness.btfName && hasString(btf, witness.btfName(known.value))) return undefined;
  const { hook, value } = known;
  return { hook, target: value, symbols: witness.symbols(value), complete: witness.complete };
}

function moduleQuestion(requirement: Requirement & { kind: string }, btf: Uint8Array): ModuleQuestion | undefined {
  const known = requirement as AttachTargetRequirement | KsymRequirement | KfuncRequirement;
  const { value: target } = known;
  const hook = known.kind === 'attach-target' ? known.hook : known.kind;
  const wanted = wantedInModules(known);
  return wanted && !hasString(btf, wanted.name) ? { hook, target, ...wanted } : undefined;
}

function wantedInModules(known: AttachTargetRequirement | KsymRequirement | KfuncRequirement): ModuleName | undefined {
  switch (known.kind) {
    case 'attach-target':
      return BTF_WITNESSES.get(known.hook)?.(known.value);
    case 'kfunc':
      return functionNamed(known.value);
    case 'ksym':
      return known.typed ? { name: known.value, kinds: ['var', 'func'] } : undefined;
    default:
      return undefined;
  }
}

/**
 * Whether the bytes hold a name, whatever it is the name of: finding out what takes ten times as long, and then it is for the image's BTF
 * to answer. Without BTF there is nothing to ask modules for either.
 */
function hasString(btf: Uint8Array | undefined, name: string): boolean {
  return btf === undefined || Buffer.from(btf.buffer, btf.byteOffset, btf.byteLength).includes(`\0${name}\0`);
}

function hasSymbol(names: ReadonlySet<string> | undefined, symbol: string): boolean {
  if (!names) return false;
  if (!/[*?]/.test(symbol)) return names.has(symbol);
  for (const name of names) if (matchesPattern(name, symbol)) return true;
  return false;
}

async function findTracefs(): Promise<string | undefined> {
  for (const path of TRACEFS) if (await exists(`${path}/events/sched`)) return path;
  return undefined;
}

/** Names only; the addresses, which need a privilege, are not used. A line is `address type name`, and `\t[module]` where it is of one. */
async function readSymbolNames(): Promise<ReadonlySet<string> | undefined> {
  const text = await readFile('/proc/kallsyms', 'latin1').catch(() => '');
  if (text === '') return undefined;
  const names = new Set<string>();
  for (const line of text.split('\n')) {
    const begin = line.indexOf(' ', line.indexOf(' ') + 1) + 1;
    const end = line.indexOf('\t', begin);
    names.add(end < 0 ? line.slice(begin) : line.slice(begin, end));
  }
  return names;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
