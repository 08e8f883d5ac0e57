import { answerHook, type HookSources } from '@bpfship/portability';
import {
  type AttachTargetRequirement,
  isKnownRequirement,
  type KfuncRequirement,
  type KsymRequirement,
  type Requirement,
} from '@bpfship/media-types';
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

/**
 * Answers for hooks and symbols that the BTF of the kernel image cannot answer: tracepoints by tracefs; what only modules have by their
 * BTF; functions and symbols by kallsyms (spec/kernel-facts.md, "Hooks"). What cannot be read is left out.
 *
 * @param btf - of the kernel image.
 * @param btfFolder - where the kernel shows the BTF of its modules. Default `/sys/kernel/btf`.
 */
export async function readHooks(
  requirements: readonly Requirement[],
  btf: Uint8Array | undefined,
  btfFolder = '/sys/kernel/btf',
): Promise<Record<string, Record<string, boolean>>> {
  const questions = requirements.filter(isKnownRequirement).flatMap((requirement) => questionOf(requirement) ?? []);
  const sources = await readSources(questions, btf, btfFolder);
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
  btf: Uint8Array | undefined,
  btfFolder: string,
): Promise<HookSources> {
  const tracepoints = questions.filter(({ hook }) => hook === 'tracepoint').map(({ target }) => target);
  const wanted = btf ? questions.flatMap((question) => moduleNames(question)) : [];
  const inImage = btf ? findBtfIds(btf, wanted.map(moduleKey)) : {};
  const missing = wanted.filter((name) => inImage[moduleKey(name)] === undefined);
  const [kallsyms, listed, found] = await Promise.all([
    questions.some((question) => needsKallsyms(question, inImage)) ? readKallsyms() : undefined,
    tracepoints.length > 0 ? findTracepoints(tracepoints) : undefined,
    btf ? findInModules(missing, btf, btfFolder) : new Set<ModuleName>(),
  ]);
  const inModules = new Set([...found].flatMap(({ name, kinds }) => kinds.map((kind) => `${kind} ${name}`)));
  return {
    ...(kallsyms ? { functions: kallsyms.functions, variables: kallsyms.variables } : {}),
    ...(listed ? { tracepoints: { has: (name) => listed.has(name), matches: never, begins: never } } : {}),
    inModules: (kind, name) => inModules.has(`${kind} ${name}`),
  };
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
