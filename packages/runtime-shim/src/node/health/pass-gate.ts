import { ShimError } from '../../shim-error.ts';
import type { BringUpContext } from '../bring-up.ts';
import type { InstallOptions, InstallResult, NodeFolders } from '../node-options.ts';
import { recover } from '../recover.ts';
import { currentGeneration, generationOf, type ServiceState } from '../state-schema.ts';
import { StepTimer } from '../steps.ts';
import { uninstallService } from '../uninstall.ts';
import { isWatched } from './generation-health.ts';
import { concludeHealth, type GateOptions, unhealthy, watchGeneration } from './health-gate.ts';
import type { HealthReport } from './watch-health.ts';

/** What a health gate needs of the node. */
export interface Gate {
  folders: NodeFolders;
  contextOf: (service: string) => BringUpContext;
  /** Does something with a service's pins under the node's lock. */
  exclusively: <T>(service: string, action: () => Promise<T>) => Promise<T>;
}

/** Watches a generation that must pass its health gate. The node's lock is free meanwhile. @throws {ShimError} `ERR_SHIM_UNHEALTHY`. */
export async function passGate(
  gate: Gate,
  result: InstallResult,
  { health, signal }: Pick<InstallOptions, 'health' | 'signal'>,
  timer: StepTimer,
): Promise<InstallResult> {
  const { service, generation, maps } = result;
  const state = await gate.contextOf(service).states.require(service);
  if (generationOf(state, generation)?.health?.verdict !== 'pending') return result;
  const newMaps = new Set(maps.filter(({ contents }) => contents === 'new').map(({ name }) => name));
  const seconds = health === false ? undefined : health?.seconds;
  const { report, superseded } = await watch(gate, service, generation, { newMaps, seconds, signal, timer });
  const changed = `while its health was watched somebody changed ${service}: generation ${generation} does not run as it was brought in any more`;
  return { ...result, health: report, warnings: [...result.warnings, ...(superseded ? [changed] : [])] };
}

/** Watches generations again whose gate was interrupted. @returns what was done, a line each. */
export async function recheckGates(
  gate: Gate,
  states: readonly ServiceState[],
  options: { signal?: AbortSignal },
): Promise<string[]> {
  const lines: string[] = [];
  for (const state of states) {
    const { id, health } = currentGeneration(state);
    if (health?.verdict !== 'pending' || isWatched(health) || state.stopped) continue;
    try {
      const { report } = await watch(gate, state.name, id, { ...options, timer: new StepTimer(undefined) });
      lines.push(`${state.name}: generation ${id} is ${report.verdict}`);
    } catch (error) {
      if (!(error instanceof ShimError)) throw error;
      lines.push(error.message);
    }
  }
  return lines;
}

/** @throws {ShimError} `ERR_SHIM_UNHEALTHY` after the generation before was brought back. */
async function watch(
  { folders, contextOf, exclusively }: Gate,
  service: string,
  id: number,
  options: Omit<GateOptions, 'context' | 'generation'>,
): Promise<{ report: HealthReport; superseded: boolean }> {
  const context = contextOf(service);
  const generation = generationOf(await context.states.require(service), id);
  if (!generation) throw new TypeError('a generation that was recorded is in its state');
  const report = await watchGeneration({ context, generation, ...options });
  const concluded = await exclusively(service, async () => {
    const state = await context.states.read(service);
    await recover(context.kernel, context.pins, state && currentGeneration(state), state?.stopped);
    const ended = await concludeHealth(context, state, generation, report, options.timer);
    if (ended.kind === 'alone') await uninstallService(context, folders, service);
    return ended;
  });
  const superseded = concluded.kind === 'superseded';
  if (report.verdict === 'healthy' || superseded) return { report, superseded };
  throw unhealthy(service, generation, report, concluded);
}
