import { existsSync } from 'node:fs';
import { type BtfIndex, type ServiceManifest, variantLayer } from '@bpfship/media-types';
import { decide, type KernelFacts, neededFacts, type Selection, type Verdict } from '@bpfship/portability';
import { loadedModules } from '../facts/module-btf.ts';
import { readKernelFacts } from '../facts/read-kernel-facts.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { ShimError } from '../shim-error.ts';
import { activate } from './activate.ts';
import { attachmentsOf, checkAttachTargets, openPatterns } from './attach-targets.ts';
import { type BringUpContext, isRejection, record, runningGeneration, withPrograms } from './bring-up.ts';
import type { InterruptedChange } from './node-changes.ts';
import { reattach } from './reattach.ts';
import { namesIn } from './pins.ts';
import { variantOf } from './prepare.ts';
import { checkPermissions } from './permissions/check-permissions.ts';
import { permissionsOf } from './permissions/permissions-of.ts';
import { resolveTargets } from './resolve-targets.ts';
import { currentGeneration, type Generation, type ServiceState } from './state-schema.ts';
import { describeStatus } from './status.ts';
import { StepTimer } from './steps.ts';
import { readStoredObject, readStoredPackage, readStoredSupplement } from './stored-package.ts';

/**
 * What a look at one service came to. `running`: every program was at its hook. `stopped`: it is stopped, and stays so. `restored`: it was gone, as after a start of the machine, and runs
 * again. `reselected`: the same with another variant, since the kernel is another one. `repaired`: some of its programs were gone, and are back, or an interrupted command had
 * left something else. `removed`: it is not installed, and what an interrupted command had left of it was taken away.
 */
export type RestoreOutcome = 'running' | 'stopped' | 'restored' | 'reselected' | 'repaired' | 'removed' | 'failed';

/** What came of one service. */
export interface RestoredService {
  service: string;
  outcome: RestoreOutcome;
  /** Of the generation that runs; of the recorded one where it failed; absent where its state cannot be read, or it has none. */
  version?: string;
  variant?: string;
  generation?: number;
  /** What people should know, a line each. */
  warnings: string[];
  /** Why it failed. */
  error?: Error;
}

/** A look at a service without changing it; `undefined` where something of it is gone. */
export async function lookAt(context: BringUpContext, state: ServiceState): Promise<RestoredService | undefined> {
  const generation = currentGeneration(state);
  const stored = await readStoredPackage(context.store, generation);
  const status = await describeStatus(context.kernel, state, stored, context.pins);
  if (status.state === 'stopped') return outcomeOf(state.name, 'stopped', generation, []);
  return status.state === 'attached' ? outcomeOf(state.name, 'running', generation, []) : undefined;
}

/**
 * Makes a service run again that is not, or not wholly, in the kernel: from the local store and without a network. The generation that it had is
 * tried first; where this kernel refuses it, the package's other variants that the store has.
 *
 * @throws {ShimError} `ERR_SHIM_NO_VARIANT`, `ERR_SHIM_NOT_PREFETCHED`, `ERR_SHIM_ATTACH_TARGET`, `ERR_SHIM_STATE_CORRUPT`; {KernelError}.
 */
export async function restoreService(context: BringUpContext, state: ServiceState): Promise<RestoredService> {
  const { store, kernel, pins } = context;
  const before = currentGeneration(state);
  if (state.stopped) return outcomeOf(state.name, 'stopped', before, []);
  const { manifest, index, variant } = await readStoredPackage(store, before);
  const { programs } = await describeStatus(kernel, state, { index, variant }, pins);
  const gone = programs.filter(({ state: at }) => at === 'detached');
  if (gone.length === 0) return outcomeOf(state.name, 'running', before, []);
  // A target that is not there is no fault of a variant.
  const resolved = resolveTargets(before.attach);
  checkAttachTargets(variant, resolved);
  const messages = gone.map(({ name, hook }) => `program ${name} was not at ${hook} any more`);
  // What is loaded still is attached again; programs that are at their hooks are not touched.
  if (variant.programs.every(({ name }) => existsSync(pins.program(before.id, name)))) {
    const { warnings } = await reattach(context, state, undefined, new StepTimer(undefined));
    return outcomeOf(state.name, 'repaired', before, [...messages, ...warnings]);
  }
  const facts = await readFacts(context, index);
  const supplement = await usableSupplement(context, before, facts);
  const selection = await selectStored(context, index, before, facts, supplement);
  const candidates = await inStore(context, { manifest, index, before, selection, facts });
  // What is pinned still runs, or its maps hold something: then this is an upgrade to the same, else a start.
  const pinned = existsSync(pins.generation(before.id)) || namesIn(pins.maps).length > 0;
  if (!pinned) messages.splice(0);
  for (const [i, verdict] of candidates.entries()) {
    try {
      const generation = await bringBack(context, { state, before, pinned, verdict, manifest, index, supplement });
      const same = verdict.layer === before.layer;
      const outcome = pinned ? 'repaired' : same ? 'restored' : 'reselected';
      return outcomeOf(state.name, outcome, generation.generation, [...messages, ...generation.warnings]);
    } catch (error) {
      if (!(isRejection(error) || isDenied(error)) || i === candidates.length - 1) throw error;
      messages.push(`variant ${verdict.variant}: ${error.message}`);
    }
  }
  throw new TypeError('there is at least one candidate');
}

async function readFacts({ kernel, btf }: BringUpContext, { variants }: BtfIndex): Promise<KernelFacts> {
  const facts = await readKernelFacts({ kernel, btf: await btf.read(), for: neededFacts(variants) });
  if (facts.privileges.load) return facts;
  throw new ShimError(
    'ERR_SHIM_PRIVILEGE',
    `this process may not load programs: ${facts.privileges.reason ?? 'it is not known why'}`,
    {
      hint: 'Run it as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN.',
    },
  );
}

/** Minimal BTF is of one kernel: another kernel without BTF needs another one, which only a registry has. */
async function usableSupplement(
  { store }: BringUpContext,
  before: Generation,
  facts: KernelFacts,
): Promise<Uint8Array | undefined> {
  if (facts.btf.available || before.supplement === undefined) return undefined;
  if (before.kernel !== undefined && before.kernel !== facts.release) return undefined;
  return readStoredSupplement(store, before);
}

async function selectStored(
  { btf }: BringUpContext,
  index: BtfIndex,
  before: Generation,
  facts: KernelFacts,
  supplement: Uint8Array | undefined,
): Promise<Selection> {
  const types = (await btf.read()) ?? supplement;
  return decide({
    index,
    facts,
    attachTargets: resolveTargets(before.attach),
    parameters: before.parameters ?? {},
    modules: loadedModules(),
    ...(types === undefined ? {} : { btf: types }),
  });
}

/** The candidates whose layers the local store has; the variant that it had comes first. */
async function inStore(
  { store }: BringUpContext,
  {
    manifest,
    index,
    before,
    selection,
    facts,
  }: { manifest: ServiceManifest; index: BtfIndex; before: Generation; selection: Selection; facts: KernelFacts },
): Promise<Verdict[]> {
  const { candidates } = selection;
  if (candidates.length === 0) {
    throw new ShimError(
      'ERR_SHIM_NO_VARIANT',
      `no variant of ${index.name} ${index.version} fits Linux ${facts.release}`,
      {
        hint: 'The table says what each variant lacks on this kernel; start the kernel that it ran on, or upgrade the service.',
        selection,
      },
    );
  }
  const own = candidates.filter(({ variant, layer }) => variant === before.variant && layer === before.layer);
  const ordered = [...own, ...candidates.filter((verdict) => !own.includes(verdict))];
  const stored: Verdict[] = [];
  for (const verdict of ordered)
    if (await store.exists(variantLayer(manifest, variantOf(index, verdict)))) stored.push(verdict);
  if (stored.length > 0) return stored;
  const names = [...new Set(candidates.map(({ variant }) => variant))].join(', ');
  throw new ShimError(
    'ERR_SHIM_NOT_PREFETCHED',
    `variant ${before.variant} of ${index.name} ${index.version} does not fit Linux ${facts.release}; what fits (${names}) is not in the local store`,
    {
      hint: `With a network: bpfship upgrade ${index.name} ${before.source}@${before.manifest.digest}`,
      selection,
    },
  );
}

interface BringBack {
  state: ServiceState;
  before: Generation;
  /** Whether something of it is still in the kernel. */
  pinned: boolean;
  verdict: Verdict;
  manifest: ServiceManifest;
  index: BtfIndex;
  supplement: Uint8Array | undefined;
}

async function bringBack(
  context: BringUpContext,
  { state, before, pinned, verdict, manifest, index, supplement }: BringBack,
): Promise<{ generation: Generation; warnings: string[] }> {
  const { kernel, store, states, pins } = context;
  const timer = new StepTimer(undefined);
  const variant = variantOf(index, verdict);
  const { parameters = {} } = before;
  const resolved = resolveTargets(before.attach);
  checkAttachTargets(variant, resolved);
  const object = await readStoredObject(store, manifest, variant);
  const same = verdict.layer === before.layer && verdict.variant === before.variant;
  if (!same && before.allow) {
    const rules = { allow: before.allow };
    checkPermissions(`${state.name} ${before.version} (${verdict.variant})`, permissionsOf(object, variant), rules);
  }
  const id = same && !pinned ? before.id : Math.max(...state.generations.map((other) => other.id)) + 1;
  const activation = await activate({
    kernel,
    pins,
    next: { id, index, variant, object, attachments: attachmentsOf(variant, resolved), parameters, supplement },
    running: pinned ? await runningGeneration(context, state) : undefined,
    timer,
    context,
  });
  const { supplement: had, architecture: _architecture, ...rest } = before;
  const changed: Generation = {
    ...rest,
    id,
    variant: verdict.variant,
    layer: verdict.layer,
    ...(verdict.architecture === undefined ? {} : { architecture: verdict.architecture }),
    ...(had === undefined || supplement === undefined ? {} : { supplement: had }),
    ...(id === before.id ? {} : { created: new Date().toISOString() }),
  };
  const generation = withPrograms(changed, activation);
  // The same variant under a new number takes the place of the old one: going back to it would be going nowhere.
  const others = state.generations.filter((other) => other.id !== before.id || !same);
  const generations = [...others, generation].sort((a, b) => a.id - b.id);
  const warnings = await record(activation, timer, `generation ${id}`, () =>
    states.write({ ...state, current: id, generations }),
  );
  return { generation, warnings: [...openPatterns(variant, resolved), ...warnings] };
}

function isDenied(error: unknown): error is ShimError {
  return error instanceof ShimError && error.code === 'ERR_SHIM_DENIED';
}

function outcomeOf(
  service: string,
  outcome: RestoreOutcome,
  { id, version, variant }: Generation,
  warnings: string[],
): RestoredService {
  return { service, outcome, version, variant, generation: id, warnings };
}

/** Tells of what interrupted commands had left, beside what came of the services. */
export function putRight(
  restored: readonly RestoredService[],
  interrupted: readonly InterruptedChange[],
): RestoredService[] {
  const done = new Map(interrupted.map((change) => [change.service, change.done]));
  const told = restored.map((one) => {
    const lines = done.get(one.service) ?? [];
    if (lines.length === 0 || one.outcome === 'failed') return one;
    const outcome = one.outcome === 'running' ? 'repaired' : one.outcome;
    return { ...one, outcome, warnings: [...lines, ...one.warnings] };
  });
  const removed = interrupted
    .filter(({ installed, done: lines }) => !installed && lines.length > 0)
    .map(({ service, done: warnings }): RestoredService => ({ service, outcome: 'removed', warnings }));
  return [...told, ...removed];
}

/** A service that could not be brought back; the others are not held up by it. */
export function restoreFailed(service: string, state: ServiceState | undefined, error: unknown): RestoredService {
  const cause = error instanceof Error ? error : new Error(String(error));
  const hint = error instanceof ShimError || error instanceof KernelError ? error.hint : undefined;
  const warnings = [cause.message, ...(hint === undefined ? [] : [hint])];
  const failed = state
    ? outcomeOf(service, 'failed', currentGeneration(state), warnings)
    : { service, outcome: 'failed' as const, warnings };
  return { ...failed, error: cause };
}
