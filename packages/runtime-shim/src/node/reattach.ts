import { existsSync } from 'node:fs';
import type { AttachTargets } from '@bpfship/portability';
import { ShimError } from '../shim-error.ts';
import { activate, loadGeneration } from './activate.ts';
import type { Activation, AttachedProgram, NewGeneration, RecordedProgram } from './activation.ts';
import { attachOne } from './attach-programs.ts';
import { attachmentsOf, checkAttachTargets, openPatterns } from './attach-targets.ts';
import type { Attachment } from './attachment.ts';
import { type BringUpContext, record, resultOf, runningGeneration, withPrograms } from './bring-up.ts';
import type { InstallResult } from './node-options.ts';
import { pinnedMaps } from './plan-maps.ts';
import { removeLinksBut, removeLinksOf } from './recover.ts';
import { resolveTargets } from './resolve-targets.ts';
import { currentGeneration, type Generation, type ServiceState } from './state-schema.ts';
import type { StepTimer } from './steps.ts';
import { readStoredObject, readStoredPackage, readStoredSupplement } from './stored-package.ts';
import { closeStubs, placeStubs } from './stubs/place-stubs.ts';
import { planXdp } from './shared-xdp/plan-xdp.ts';
import { runsAmongOthers } from './shared-xdp/recover-components.ts';
import { isWhole, linkPinOf } from './stubs/stub-pins.ts';
import { UndoList } from './undo-list.ts';

/**
 * Detaches a service on request. Its programs and maps stay in the kernel, its generations in the store. The state is written first: what an
 * interruption leaves attached, the next command detaches.
 */
export async function stopService({ kernel, states, pins }: BringUpContext, state: ServiceState): Promise<void> {
  if (!state.stopped) await states.write({ ...state, stopped: true });
  await removeLinksOf(kernel, pins, currentGeneration(state).id);
}

/**
 * Brings the running generation to other targets, or a stopped one back to its hooks, from the local store. Programs that are where they are to
 * be are not touched; those that come are the ones that are loaded already, with their global variables; those that are not wanted any more are
 * detached last.
 *
 * @param attach - the targets from now on, with patterns. Default: those that it has, looked up again.
 */
export async function reattach(
  context: BringUpContext,
  state: ServiceState,
  attach: AttachTargets | undefined,
  timer: StepTimer,
): Promise<InstallResult> {
  const { kernel, store, pins } = context;
  const generation = { ...currentGeneration(state), ...(attach === undefined ? {} : { attach }) };
  const { manifest, index, variant } = await readStoredPackage(store, generation);
  const resolved = resolveTargets(generation.attach);
  checkAttachTargets(variant, resolved);
  const attachments = attachmentsOf(variant, resolved);
  const changing: Changing = { context, state, generation, timer, warnings: openPatterns(variant, resolved) };
  const whole = state.stopped ? [] : await wholePrograms(context, generation);
  const kept = whole.filter((one) => attachments.some((attachment) => isSame(one, attachment)));
  const coming = attachments.filter((attachment) => !kept.some((program) => isSame(program, attachment)));
  const object = coming.length === 0 ? new Uint8Array() : await readStoredObject(store, manifest, variant);
  const supplement = coming.length === 0 ? undefined : await readStoredSupplement(store, generation);
  const { id, parameters = {} } = generation;
  const next = { id, index, variant, object, attachments, supplement, parameters };
  // After a start of the machine a stopped service has nothing in the kernel.
  if (variant.programs.some(({ name }) => !existsSync(pins.program(id, name)))) return startAnew(changing, next);
  // What is left of programs that somebody detached would be in the way of their new links.
  await removeLinksBut(kernel, pins, id, whole);
  return change(changing, next, kept, coming);
}

/** What a change of the attachments works with. */
interface Changing {
  context: BringUpContext;
  state: ServiceState;
  generation: Generation;
  timer: StepTimer;
  warnings: string[];
}

/** Programs that are at their hooks. */
async function wholePrograms(
  { kernel, pins }: BringUpContext,
  { id, programs }: Generation,
): Promise<RecordedProgram[]> {
  const whole: RecordedProgram[] = [];
  for (const program of programs) {
    const { stub } = program;
    const link = await kernel.inspectPin(linkPinOf(pins, id, program));
    if (link?.kind === 'program' && (await runsAmongOthers(kernel, pins, program, link.id))) whole.push(program);
    if (link?.kind !== 'link' || link.dead) continue;
    if (stub === undefined || (await isWhole(kernel, pins, stub))) whole.push(program);
  }
  return whole;
}

function isSame(a: Pick<RecordedProgram, 'name' | 'hook'>, b: Pick<RecordedProgram, 'name' | 'hook'>): boolean {
  return a.name === b.name && a.hook === b.hook;
}

async function startAnew(
  { context, state, generation, timer, warnings }: Changing,
  next: NewGeneration,
): Promise<InstallResult> {
  const { kernel, pins } = context;
  const running = { ...(await runningGeneration(context, state)), programs: [] };
  const activation = await activate({ kernel, pins, next, running, timer, context });
  return finish({ context, state, generation, timer, warnings }, activation);
}

async function change(
  changing: Changing,
  next: NewGeneration,
  kept: readonly RecordedProgram[],
  coming: readonly Attachment[],
): Promise<InstallResult> {
  const { context, timer } = changing;
  const { kernel, pins } = context;
  const undoing = new UndoList();
  const staying = kept.map((program): AttachedProgram => ({ ...program, switched: 'kept' }));
  try {
    const { programs, slot } = await timer.run(
      'attach',
      () => attachComing(context, next, { staying, coming }, undoing),
      ({ programs: attached }) => ({ detail: attached.map(({ hook }) => hook).join(', ') }),
    );
    const all = next.attachments.flatMap(
      (attachment) => [...staying, ...programs].find((one) => isSame(one, attachment)) ?? [],
    );
    const named = next.variant.maps.filter(({ name }) => !name.startsWith('.'));
    return await finish(changing, {
      programs: all,
      maps: named.map(({ name }) => ({ name, contents: 'kept' })),
      warnings: [],
      ...(slot === undefined ? {} : { slot }),
      commit: async () => {
        await removeLinksBut(kernel, pins, next.id, all);
      },
      undo: () => undoing.run(),
    });
  } catch (error) {
    await undoing.run();
    throw error;
  }
}

/** Attaches what comes: behind stubs in the slot that they go on in now, so that each sees events from its own moment on. */
async function attachComing(
  context: BringUpContext,
  next: NewGeneration,
  { staying, coming }: { staying: readonly RecordedProgram[]; coming: readonly Attachment[] },
  undoing: UndoList,
): Promise<{ programs: AttachedProgram[]; slot: number | undefined }> {
  const { kernel, pins } = context;
  if (coming.length === 0) return { programs: [], slot: await kernel.readSelector(pins.selector) };
  const xdp = await planXdp({ kernel, pins, next: { ...next, attachments: coming }, context });
  const loaded = await loadGeneration({ kernel, next }, await pinnedMaps(kernel, pins, next));
  try {
    const names = new Set(coming.map((attachment) => attachment.name));
    // What is attached as a map (struct_ops) is no program.
    for (const { name } of loaded.programs) {
      if (names.has(name)) await kernel.usePinned(loaded.id, name, pins.program(next.id, name));
    }
    const slot = (await kernel.readSelector(pins.selector)) ?? 0;
    const places = await placeStubs(
      { kernel, pins, next, attachments: coming, slot, reusable: [], staying, undoing },
      loaded,
    );
    const programs: AttachedProgram[] = [];
    for (const attachment of coming) {
      const attaching = { options: { kernel, pins, next, running: undefined, xdp }, object: loaded.id, undoing };
      programs.push(await attachOne(attaching, attachment, places.get(attachment.key)));
    }
    await closeStubs(kernel, places);
    return { programs, slot: await kernel.readSelector(pins.selector) };
  } finally {
    await kernel.close(loaded.id);
  }
}

/** Writes the state, then lets go of what is not wanted any more. */
async function finish(
  { context: { states }, state, generation, timer, warnings }: Changing,
  activation: Activation,
): Promise<InstallResult> {
  const changed = withPrograms(generation, activation);
  const { stopped: _stopped, ...kept } = state;
  const generations = state.generations.map((one) => (one.id === changed.id ? changed : one));
  const left = await record(activation, timer, `generation ${changed.id}`, () =>
    states.write({ ...kept, generations }),
  );
  return resultOf(state.name, changed, activation, timer, { rejected: [], warnings: [...warnings, ...left] });
}

/** @throws {ShimError} `ERR_SHIM_STOPPED`: targets are looked up when it is started. */
export function requireRunning({ name, stopped }: ServiceState): void {
  if (!stopped) return;
  throw new ShimError('ERR_SHIM_STOPPED', `${name} is stopped`, { hint: `Start it first: bpfship start ${name}` });
}
