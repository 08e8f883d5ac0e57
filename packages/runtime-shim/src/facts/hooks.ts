import { access, readFile } from 'node:fs/promises';
import {
  type AttachTargetRequirement,
  isKnownRequirement,
  type KfuncRequirement,
  type KsymRequirement,
  type Requirement,
} from '@bpfship/media-types';
import { matchesPattern } from './matches-pattern.ts';

const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** How kallsyms answers for a target of a hook. */
interface SymbolWitness {
  /** Symbols any of which shows that the target is there. */
  symbols(target: string): string[];
  /** String of the kernel's BTF without which the target is not in the kernel image, but perhaps in a module. */
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
const BTF_FUNCTION: SymbolWitness = { symbols: (target) => [target], btfName: (target) => target, complete: false };
const TRACEPOINT: SymbolWitness = {
  symbols: (target) => [`__tracepoint_${target}`, `__traceiter_${target}`],
  btfName: (target) => `btf_trace_${target}`,
  complete: false,
};

/** By hook; the others are answered by BTF alone, or at run time. */
const WITNESSES: ReadonlyMap<string, SymbolWitness> = new Map([
  ...['kprobe', 'kretprobe', 'kprobe-multi', 'kretprobe-multi', 'kprobe-session'].map(
    (hook): [string, SymbolWitness] => [hook, FUNCTION],
  ),
  ['ksyscall', SYSTEM_CALL],
  ['kretsyscall', SYSTEM_CALL],
  ['fentry', BTF_FUNCTION],
  ['fexit', BTF_FUNCTION],
  ['fmod-ret', BTF_FUNCTION],
  ['raw-tracepoint', TRACEPOINT],
  ['btf-tracepoint', TRACEPOINT],
]);

/** A question to kallsyms: where its answer goes, and what gives it. */
interface SymbolQuestion {
  hook: string;
  target: string;
  symbols: string[];
  complete: boolean;
}

/**
 * Answers for hooks and symbols that the BTF of the kernel image cannot answer: tracepoints by tracefs; functions, symbols and what only
 * modules have by kallsyms (spec/kernel-facts.md, "Modules"). What cannot be read is left out.
 */
export async function readHooks(
  requirements: readonly Requirement[],
  btf: Uint8Array | undefined,
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
  const known = requirement as AttachTargetRequirement | KsymRequirement | KfuncRequirement;
  if (known.kind === 'ksym') {
    // The loader itself looks untyped symbols up in kallsyms; typed ones it takes from BTF.
    return { hook: 'ksym', target: known.value, symbols: [known.value], complete: !known.typed };
  }
  if (known.kind === 'kfunc') {
    if (hasString(btf, known.value)) return undefined;
    return { hook: 'kfunc', target: known.value, symbols: [known.value], complete: false };
  }
  const witness = known.kind === 'attach-target' ? WITNESSES.get(known.hook) : undefined;
  if (!witness || (witness.btfName && hasString(btf, witness.btfName(known.value)))) return undefined;
  return {
    hook: known.hook,
    target: known.value,
    symbols: witness.symbols(known.value),
    complete: witness.complete,
  };
}

/** Whether the bytes hold a name, whatever it is the name of. Without BTF there is nothing to ask modules for either. */
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
