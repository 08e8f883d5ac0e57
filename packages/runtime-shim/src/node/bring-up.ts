import { release } from 'node:os';
import type { OciLayoutStore } from '@bpfship/oras-client';
import type { Verdict } from '@bpfship/portability';
import type { KernelBtf } from '../facts/kernel-btf.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { ShimError } from '../shim-error.ts';
import { activate } from './activate.ts';
import type { Activation, AttachedProgram, RecordedProgram, RunningGeneration } from './activation.ts';
import type { AttachTargets } from '@bpfship/portability';
import { attachmentsOf, checkAttachTargets, openPatterns, programsOfOthers } from './attach-targets.ts';
import { fetchVariant } from './fetch-variant.ts';
import { keptGenerations } from './kept-generations.ts';
import type { InstallOptions, InstallResult, NodeFolders, RejectedVariant } from './node-options.ts';
import { needsGate, pendingHealth } from './health/generation-health.ts';
import { checkUpgrade } from './permissions/check-upgrade.ts';
import type { ServicePins } from './pins.ts';
import { type PreparedPackage, variantOf } from './prepare.ts';
import type { StateFiles } from './state-files.ts';
import { resolveTargets } from './resolve-targets.ts';
import { currentGeneration, type Generation, type ServiceState } from './state-schema.ts';
import type { StepTimer } from './steps.ts';
import { readStoredObject, readStoredPackage, storePackage } from './stored-package.ts';

/** What a change of a service works with. */
export interface BringUpContext {
  kernel: Kernel;
  btf: KernelBtf;
  store: OciLayoutStore;
  states: StateFiles;
  folders: NodeFolders;
  pins: ServicePins;
}

/**
 * Makes a prepared package the running generation. The candidates are tried in turn: the kernel has the last word, and only its rejection
 * leads to the next (spec/selection.md, "Order").
 *
 * @param state - of the installed service; `undefined` at an install.
 */
export async function bringUp(
  context: BringUpContext,
  prepared: PreparedPackage,
  options: InstallOptions,
  state: ServiceState | undefined,
  timer: StepTimer,
): Promise<InstallResult> {
  const rejected: RejectedVariant[] = [];
  const running = state && (await runningGeneration(context, state));
  for (const [i, verdict] of prepared.candidates.entries()) {
    try {
      return await tryCandidate(context, { prepared, verdict, options, state, running, rejected }, timer);
    } catch (error) {
      if (!isRejection(error)) throw error;
      const last = i === prepared.candidates.length - 1;
      if (last && rejected.length === 0) throw error;
      rejected.push({ variant: verdict.variant, reason: error.message });
      if (last) throw allRejected(prepared, rejected, error);
    }
  }
  throw new TypeError('there is at least one candidate');
}

interface Attempt {
  prepared: PreparedPackage;
  verdict: Verdict;
  options: InstallOptions;
  state: ServiceState | undefined;
  running: RunningGeneration | undefined;
  rejected: RejectedVariant[];
}

async function tryCandidate(
  context: BringUpContext,
  { prepared, verdict, options, state, running, rejected }: Attempt,
  timer: StepTimer,
): Promise<InstallResult> {
  const { kernel, store, states, pins } = context;
  const { index } = prepared;
  const attach = options.attach ?? {};
  const resolved = resolveTargets(attach);
  const selected = variantOf(index, verdict);
  const waiting = openPatterns(selected, resolved);
  if (state === undefined && waiting.length > 0) throw nothingMatches(waiting);
  checkAttachTargets(selected, resolved);
  const { variant, object } = await timer.run(
    'fetch',
    () => fetchVariant(store, prepared, verdict, options),
    ({ fetched }) => ({
      detail: `variant ${verdict.variant}${fetched > 0 ? '' : ', from the local store'}`,
      bytes: fetched,
    }),
  );
  const widening = await checkUpgrade({ version: `${index.name} ${index.version}`, variant, object }, options, running);
  const id = Math.max(0, ...(state?.generations ?? []).map((generation) => generation.id)) + 1;
  const activation = await activate({
    kernel,
    pins,
    next: {
      id,
      index,
      variant,
      object,
      attachments: attachmentsOf(variant, resolved),
      parameters: prepared.parameters,
      discardMaps: options.discardMaps,
      supplement: prepared.supplement?.bytes,
    },
    running,
    timer,
    context,
  });
  const generation: Generation = {
    ...newGeneration(id, prepared, verdict, attach, activation, options.location),
    ...(options.policy?.allow === undefined ? {} : { allow: options.policy.allow }),
    ...(needsGate(index, options.health, state !== undefined) ? { health: pendingHealth(state?.current) } : {}),
  };
  const warnings = await record(activation, timer, `generation ${id}`, async () => {
    await storePackage(store, prepared);
    await states.write({
      schemaVersion: 1,
      name: index.name,
      current: id,
      // The one that ran stays, however old it is: a rollback goes there.
      generations: keptGenerations([...(state?.generations ?? []), generation], state ? [state.current] : []),
    });
  });
  return resultOf(index.name, generation, activation, timer, {
    rejected,
    warnings: [
      ...prepared.warnings,
      ...waiting,
      ...programsOfOthers(selected),
      ...widening,
      ...activation.warnings,
      ...warnings,
    ],
  });
}

/**
 * Writes the state, which makes the new generation the running one, then lets go of what ran before. Where the state cannot be written,
 * everything is undone.
 *
 * @returns what people should know.
 */
export function record(
  activation: Activation,
  timer: StepTimer,
  detail: string,
  write: () => Promise<void>,
): Promise<string[]> {
  return timer.run(
    'record',
    async () => {
      try {
        await write();
      } catch (error) {
        await activation.undo();
        throw error;
      }
      try {
        await activation.commit();
        return [];
      } catch (error) {
        // The switch is made and recorded; what is left of the one before goes with the next change.
        return [`not everything of the generation before could be removed: ${messageOf(error)}`];
      }
    },
    () => ({ detail }),
  );
}

/** What runs now, by the state. */
export async function runningGeneration(
  { store }: Pick<BringUpContext, 'store'>,
  state: ServiceState,
): Promise<RunningGeneration> {
  const { id, programs, ...generation } = currentGeneration(state);
  const { manifest, index, variant } = await readStoredPackage(store, { id, programs, ...generation });
  return {
    id,
    index,
    variant,
    programs,
    object: () => readStoredObject(store, manifest, variant),
    async mapBefore(name) {
      const others = state.generations.filter((other) => other.id !== id).toReversed();
      for (const other of [currentGeneration(state), ...others]) {
        const stored = await readStoredPackage(store, other);
        const map = stored.variant.maps.find((candidate) => candidate.name === name);
        if (map) return { map, object: () => readStoredObject(store, stored.manifest, stored.variant) };
      }
      return undefined;
    },
  };
}

/** The result of a change that is recorded. */
export function resultOf(
  service: string,
  { id, version, variant, manifest, signer }: Generation,
  { programs, maps }: Activation,
  { steps }: StepTimer,
  { rejected, warnings }: Pick<InstallResult, 'rejected' | 'warnings'>,
): InstallResult {
  return {
    service,
    version,
    variant,
    generation: id,
    digest: manifest.digest,
    ...(signer === undefined ? {} : { signer }),
    programs,
    maps,
    steps,
    rejected,
    warnings,
  };
}

function newGeneration(
  id: number,
  { descriptor, index, signer, signature, supplement, parameters }: PreparedPackage,
  { variant, layer, architecture }: Verdict,
  attach: AttachTargets,
  activation: Activation,
  source: string,
): Generation {
  const generation: Generation = {
    id,
    version: index.version,
    variant,
    ...(architecture === undefined ? {} : { architecture }),
    source,
    manifest: { digest: descriptor.digest, size: descriptor.size },
    layer,
    ...(supplement ? { supplement: { digest: supplement.digest, size: supplement.size } } : {}),
    ...(signer === undefined ? {} : { signer }),
    kernel: release(),
    ...(signature ? { signature: { digest: signature.digest, size: signature.bytes.length } } : {}),
    attach,
    ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
    programs: [],
    created: new Date().toISOString(),
  };
  return withPrograms(generation, activation);
}

/** A generation as the state keeps it, with what an activation has attached. */
export function withPrograms(generation: Generation, { programs, slot }: Activation): Generation {
  const { slot: _before, ...kept } = generation;
  return { ...kept, programs: programs.map(recorded), ...(slot === undefined ? {} : { slot }) };
}

/** What the state keeps of a program at its hook. */
function recorded({ switched: _switched, ...program }: AttachedProgram): RecordedProgram {
  return program;
}

function nothingMatches([first = '']: readonly string[]): ShimError {
  return new ShimError('ERR_SHIM_ATTACH_TARGET', first, {
    hint: 'Name what is there: "ip link" lists interfaces. Once a service is installed, a pattern may go without a match.',
  });
}

/** Whether another variant may do better: the verifier, or the way of attaching, refused this one. */
export function isRejection(error: unknown): error is KernelError {
  if (!(error instanceof KernelError)) return false;
  if (error.code === 'ERR_KERNEL_ATTACH') return error.errno === 'EOPNOTSUPP';
  return error.code === 'ERR_KERNEL_LOAD_REJECTED';
}

function allRejected(
  { index, selection }: PreparedPackage,
  rejected: readonly RejectedVariant[],
  cause: KernelError,
): ShimError {
  const lines = rejected.map(({ variant, reason }) => `  ${variant}: ${reason}`);
  return new ShimError('ERR_SHIM_NO_VARIANT', `the kernel rejected every candidate of ${index.name} ${index.version}`, {
    hint: 'Report it to the author of the service, with the lines above.',
    details: [...lines, cause.details ?? ''].filter(Boolean).join('\n'),
    selection,
    cause,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
