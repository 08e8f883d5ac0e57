import type { Evidence, EvidenceKernel, EvidenceResult, EvidenceRun } from '@bpfship/media-types';
import type { KernelFacts } from '../facts.ts';
import { type Settings, withoutDefaults } from '../parameters/settings.ts';

/** What evidence says of one attempt. */
export interface Told {
  /** On this very kernel; `conflict` where it says both. Absent: nothing. */
  here?: 'ok' | 'failed' | 'conflict';
  /** The failure, where `here` is `failed`. */
  failure?: EvidenceResult;
  /** It failed on another kernel, where its requirements had said that it loads. */
  elsewhere?: { release: string; failure: EvidenceResult };
}

/** Evidence, asked for one kernel. */
export interface OpenedEvidence {
  /** All programs of a variant together. */
  object(variant: string, layer: string): Told;
  /** Loading one program without the others. */
  loads(variant: string, layer: string, program: string): Told;
  /** Attaching it. */
  attaches(variant: string, layer: string, program: string): Told;
}

/** One attempt, and where it was made. */
interface Attempt {
  kernel: EvidenceKernel;
  /** Names the kernel. */
  key: string;
  here: boolean;
  result: EvidenceResult;
}

/**
 * Whether facts are of the kernel that evidence names (spec/evidence.md, "Exactly this kernel"): the same architecture, release, build and BTF.
 */
export function isExactKernel(
  kernel: Pick<EvidenceKernel, 'release' | 'version' | 'architecture' | 'btf'>,
  facts: KernelFacts,
): boolean {
  const { release, version, architecture, btf } = kernel;
  if (architecture !== facts.architecture || release !== facts.release || version !== facts.version) return false;
  return btf === undefined ? !facts.btf.available : facts.btf.available && btf === facts.btf.digest;
}

/** Prepares evidence for questions about one kernel. The order of documents, kernels and runs never counts. */
export function openEvidence(
  evidence: readonly Evidence[],
  facts: KernelFacts,
  { declared, given }: Settings,
): OpenedEvidence {
  const attempts = new Map<string, Attempt[]>();
  const wanted = parametersKey(given);
  for (const kernel of evidence.flatMap(({ kernels }) => kernels)) {
    const here = isExactKernel(kernel, facts);
    const key = keyOf(kernel.release, kernel.version, kernel.architecture, kernel.btf ?? '');
    const add = (result: EvidenceResult | undefined, ...names: string[]): void => {
      if (result === undefined) return;
      const name = keyOf(...names);
      const list = attempts.get(name) ?? [];
      list.push({ kernel, key, here, result });
      attempts.set(name, list);
    };
    for (const run of kernel.runs) {
      if (parametersKey(withoutDefaults(declared, run.parameters ?? {})) === wanted) addRun(run, add);
    }
  }
  const ask = (...names: string[]): Told => tell(attempts.get(keyOf(...names)) ?? []);
  return {
    object: (variant, layer) => ask('object', variant, layer),
    loads: (variant, layer, program) => ask('loads', variant, layer, program),
    attaches: (variant, layer, program) => ask('attaches', variant, layer, program),
  };
}

function addRun(
  { variant, layer, object, programs }: EvidenceRun,
  add: (result: EvidenceResult | undefined, ...names: string[]) => void,
): void {
  add(object, 'object', variant, layer);
  for (const { name, loads, attaches } of programs) {
    add(loads, 'loads', variant, layer, name);
    add(attaches, 'attaches', variant, layer, name);
  }
}

function tell(attempts: readonly Attempt[]): Told {
  const told: Told = {};
  const here = attempts.filter((attempt) => attempt.here);
  const failed = here.filter(isFailure);
  if (here.length > 0) told.here = failed.length === 0 ? 'ok' : failed.length === here.length ? 'failed' : 'conflict';
  const failure = first(failed)?.result;
  if (told.here === 'failed' && failure !== undefined) told.failure = failure;
  const elsewhere = first(
    attempts.filter(
      (attempt) =>
        !attempt.here &&
        isFailure(attempt) &&
        attempt.result.unforeseen === true &&
        // Where it is said of the same kernel that it loads, nothing is known.
        attempts.every((other) => other.key !== attempt.key || isFailure(other)),
    ),
  );
  if (elsewhere) told.elsewhere = { release: elsewhere.kernel.release, failure: elsewhere.result };
  return told;
}

function isFailure({ result }: Attempt): boolean {
  return result.outcome === 'failed';
}

/** The one to quote, whatever order they came in. */
function first(attempts: readonly Attempt[]): Attempt | undefined {
  const key = ({ key: kernel, result: { errno = '', log = [] } }: Attempt): string => keyOf(kernel, errno, ...log);
  return [...attempts].sort((a, b) => (key(a) < key(b) ? -1 : 1))[0];
}

/** No name of the documents holds control characters. */
function keyOf(...parts: string[]): string {
  return parts.join('\0');
}

function parametersKey(parameters: Settings['given']): string {
  return Object.keys(parameters)
    .sort()
    .map((name) => `${name}\0${JSON.stringify(parameters[name])}`)
    .join('\0');
}
