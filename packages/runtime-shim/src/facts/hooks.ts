import { answerHook, type HookSources, type NameList } from '@bpfship/portability';
import {
  type AttachTargetRequirement,
  isKnownRequirement,
  type KfuncRequirement,
  type KsymRequirement,
  type Requirement,
} from '@bpfship/media-types';
import type { Kernel } from '../kernel/kernel.ts';
import { type BtfIds, btfKey, findBtfIds } from '../kernel/native/find-btf-ids.ts';
import { readKallsyms } from './kallsyms.ts';
import { findInModules, type ModuleName } from './module-btf.ts';
import { findTracepoints } from './tracefs.ts';

/** Hooks whose answer takes /proc/kallsyms, which takes 50 ms to read. */
const BY_KALLSYMS: ReadonlySet<string> = new Set(
  [
    ['kprobe', 'kretprobe', 'kprobe-multi', 'kretprobe-multi', 'kprobe-session', 'ksyscall', 'kretsyscall'],
    ['fentry', 'fexit', 'fmod-ret', 'kfunc', 'ksym', 'ksym-typed'],
  ].flat(),
);

/** A question, as `answerHook` takes it; and the name under which the facts hold the answer. */
interface HookQuestion {
  hook: string;
  listed: string;
  target: string;
}

/** What to ask, and whom. */
export interface ReadHooksOptions {
  requirements: readonly Requirement[];
  /** BTF of the kernel image. */
  btf: Uint8Array | undefined;
  /** Asked for functions where it knows them, since reading all symbols takes 50 ms, and for tracefs. Default: they are read where mounted. */
  kernel?: Pick<Kernel, 'probe' | 'tracefs'>;
  /** Where the kernel shows the BTF of its modules. Default `/sys/kernel/btf`. */
  btfFolder?: string;
}

/**
 * Answers for hooks and symbols that the BTF of the kernel image cannot answer: tracepoints by tracefs; what only modules have by their
 * BTF; functions and symbols by kallsyms (spec/kernel-facts.md, "Hooks"). What cannot be read is left out.
 */
export async function readHooks(options: ReadHooksOptions): Promise<Record<string, Record<string, boolean>>> {
  const known = options.requirements.filter(isKnownRequirement);
  const questions = known.flatMap((requirement) => questionOf(requirement) ?? []);
  const sources = await readSources(questions, options);
  const hooks: Record<string, Record<string, boolean>> = {};
  for (const { hook, listed, target } of questions) {
    const answer = answerHook(hook, target, sources);
    if (answer !== undefined) (hooks[listed] ??= {})[target] = answer;
  }
  return hooks;
}

function questionOf(requirement: Requirement & { kind: string }): HookQuestion | undefined {
  const known = requirement as AttachTargetRequirement | KsymRequirement | KfuncRequirement;
  const { value: target } = known;
  switch (known.kind) {
    case 'attach-target':
      return { hook: known.hook, listed: known.hook, target };
    case 'kfunc':
      return { hook: 'kfunc', listed: 'kfunc', target };
    case 'ksym':
      return { hook: known.typed ? 'ksym-typed' : 'ksym', listed: 'ksym', target };
    default:
      return undefined;
  }
}

/** Reads what the questions need, and nothing else. */
async function readSources(
  questions: readonly HookQuestion[],
  { btf, kernel, btfFolder = '/sys/kernel/btf' }: ReadHooksOptions,
): Promise<HookSources> {
  const tracepoints = questions.filter(({ hook }) => hook === 'tracepoint').map(({ target }) => target);
  const wanted = btf ? questions.flatMap((question) => moduleNames(question)) : [];
  const functions = questions.flatMap((question) => functionOf(question) ?? []);
  const keys = [...wanted.map(moduleKey), ...functions.map((name) => btfKey('func', name))];
  const inImage = btf && keys.length > 0 ? findBtfIds(btf, keys) : {};
  const missing = wanted.filter((name) => inImage[moduleKey(name)] === undefined);
  const [symbols, listed, found] = await Promise.all([
    readSymbols(questions, inImage, kernel),
    tracepoints.length > 0 ? findTracepoints(tracepoints, kernel) : undefined,
    btf ? findInModules(missing, btf, btfFolder) : new Set<ModuleName>(),
  ]);
  const inModules = new Set([...found].flatMap(({ name, kinds }) => kinds.map((kind) => `${kind} ${name}`)));
  return {
    ...symbols,
    ...(listed ? { tracepoints: listOf(listed) } : {}),
    inModules: (kind, name) => inModules.has(`${kind} ${name}`),
  };
}

/** The kernel's symbols. They are only read where the kernel does not confirm each function that is asked for. */
async function readSymbols(
  questions: readonly HookQuestion[],
  inImage: BtfIds,
  kernel: Pick<Kernel, 'probe'> | undefined,
): Promise<Pick<HookSources, 'functions' | 'variables'>> {
  const asking = questions.filter((question) => needsKallsyms(question, inImage));
  if (asking.length === 0) return {};
  const names = asking.map((question) => functionOf(question));
  const ids = Object.fromEntries(
    names.flatMap((name) => {
      const key = name === undefined ? '' : btfKey('func', name);
      return inImage[key] === undefined ? [] : [[key, inImage[key]] as const];
    }),
  );
  const all = names.filter((name) => name !== undefined && ids[btfKey('func', name)] !== undefined) as string[];
  if (kernel && all.length === asking.length) {
    const confirmed = await kernel.probe(
      all.map((name) => ({ kind: 'function', name })),
      ids,
    );
    if (confirmed.every((answer) => answer === true)) return { functions: listOf(new Set(all)) };
  }
  const kallsyms = await readKallsyms();
  return kallsyms ? { functions: kallsyms.functions, variables: kallsyms.variables } : {};
}

/** The function that the question is about, where it is about just one. */
function functionOf({ hook, target }: HookQuestion): string | undefined {
  if (hook === 'kprobe' || hook === 'kretprobe') return target.split('+')[0];
  return ['fentry', 'fexit', 'fmod-ret', 'kfunc'].includes(hook) ? target : undefined;
}

function listOf(names: ReadonlySet<string>): NameList {
  return { has: (name) => names.has(name), matches: never, begins: never };
}

function never(): boolean {
  return false;
}

/** Raw tracepoints that the image's BTF has need no other witness. */
function needsKallsyms({ hook, target }: HookQuestion, inImage: BtfIds): boolean {
  if (hook === 'raw-tracepoint') return inImage[btfKey('typedef', `btf_trace_${target}`)] === undefined;
  return BY_KALLSYMS.has(hook);
}

/** The types any of which in a module's BTF answers, as `answerHook` asks for them. */
function moduleNames({ hook, target }: HookQuestion): ModuleName[] {
  switch (hook) {
    case 'fentry':
    case 'fexit':
    case 'fmod-ret':
    case 'kfunc':
      return [{ name: target, kinds: ['func'] }];
    case 'ksym-typed':
      return [
        { name: target, kinds: ['var'] },
        { name: target, kinds: ['func'] },
      ];
    case 'raw-tracepoint':
    case 'btf-tracepoint':
      return [{ name: `btf_trace_${target}`, kinds: ['typedef'] }];
    default:
      return [];
  }
}

function moduleKey({ name, kinds: [kind = 'func'] }: ModuleName): string {
  return btfKey(kind, name);
}
