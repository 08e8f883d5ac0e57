import { ShimError } from '../../shim-error.ts';
import type { BringUpContext } from '../bring-up.ts';
import type { InstallResult } from '../node-options.ts';
import { rollBack } from '../roll-back.ts';
import { type Generation, generationOf, type ServiceState } from '../state-schema.ts';
import type { StepTimer } from '../steps.ts';
import { readStoredObject, readStoredPackage } from '../stored-package.ts';
import type { ProbedGeneration } from './probe.ts';
import { type HealthReport, watchHealth } from './watch-health.ts';

/** Characters of a line that the state keeps. */
const MAX_LINE = 1000;

/** A generation that is to be watched. */
export interface GateOptions {
  context: BringUpContext;
  generation: Generation;
  /** Maps that began empty with it. Default: none. */
  newMaps?: ReadonlySet<string>;
  /** Default: what the service declares. */
  seconds?: number | undefined;
  signal?: AbortSignal | undefined;
  timer: StepTimer;
}

/** Watches a generation, while others may change the node. */
export async function watchGeneration(options: GateOptions): Promise<HealthReport> {
  const { context, generation, newMaps = new Set(), seconds, signal, timer } = options;
  const { kernel, store, pins } = context;
  const { manifest, index, variant } = await readStoredPackage(store, generation);
  const object = await readStoredObject(store, manifest, variant);
  const probed: ProbedGeneration = {
    kernel,
    pins,
    id: generation.id,
    index,
    variant,
    object,
    newMaps,
    programs: generation.programs,
  };
  return timer.run(
    'health',
    () => watchHealth(index.health ?? {}, probed, { seconds, signal }),
    ({ verdict, seconds: watched, probes }) => ({
      detail: `${verdict} after ${watched} s: ${probes.map(({ detail }) => detail).join('; ')}`,
    }),
  );
}

/** What the verdict led to. */
export type Concluded =
  /** It stays. */
  | { kind: 'stays' }
  /** Somebody stopped the service or made another generation the running one meanwhile: the verdict says nothing any more. */
  | { kind: 'superseded' }
  /** The one before runs again. */
  | { kind: 'rolled-back'; result: InstallResult }
  /** There is none before: the service is to be removed. */
  | { kind: 'alone' }
  /** The one before could not be brought back; the failed one runs on. */
  | { kind: 'stuck'; cause: unknown };

/** Records the verdict and, where the generation failed, brings the one before back by the same transaction. To be done under the node's lock. */
export async function concludeHealth(
  context: BringUpContext,
  state: ServiceState | undefined,
  { id }: Generation,
  { verdict, probes }: HealthReport,
  timer: StepTimer,
): Promise<Concluded> {
  const current = state && generationOf(state, id);
  if (!state || state.stopped || state.current !== id || current?.health?.verdict !== 'pending')
    return { kind: 'superseded' };
  const { before } = current.health;
  const details = probes.map(({ detail }) => detail.replaceAll(/\p{Cc}/gu, ' ').slice(0, MAX_LINE));
  const judged = { ...current, health: { verdict, ...(before === undefined ? {} : { before }), details } };
  const known = { ...state, generations: state.generations.map((each) => (each.id === id ? judged : each)) };
  if (verdict === 'healthy') {
    await context.states.write(known);
    return { kind: 'stays' };
  }
  if (before === undefined || !generationOf(state, before)) return { kind: 'alone' };
  try {
    return { kind: 'rolled-back', result: await rollBack(context, known, { to: before }, timer) };
  } catch (cause) {
    await context.states.write(known);
    return { kind: 'stuck', cause };
  }
}

/** The error of a generation that failed its gate, with what became of it. */
export function unhealthy(
  service: string,
  { id, version }: Generation,
  { probes, seconds }: HealthReport,
  concluded: Concluded,
): ShimError {
  const failed = probes.filter(({ state }) => state === 'failed').map(({ detail }) => detail);
  const after = outcomeOf(service, concluded);
  return new ShimError(
    'ERR_SHIM_UNHEALTHY',
    `${service} ${version} (generation ${id}) failed its health gate after ${seconds} s: ${failed.join('; ')}; ${after}`,
    {
      hint: 'Report it to the author of the service; --no-health switches without the gate.',
      details: probes.map(({ state, detail }) => `  ${state}: ${detail}`).join('\n'),
      ...(concluded.kind === 'stuck' ? { cause: concluded.cause } : {}),
    },
  );
}

function outcomeOf(service: string, concluded: Concluded): string {
  switch (concluded.kind) {
    case 'rolled-back':
      return `generation ${concluded.result.generation} (${concluded.result.version}) runs again`;
    case 'alone':
      return `${service} was removed`;
    case 'stuck': {
      const { cause } = concluded;
      return `it runs on, since the way back failed: ${cause instanceof Error ? cause.message : String(cause)}`;
    }
    default:
      return 'another generation runs';
  }
}
