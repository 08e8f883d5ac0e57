import { mkdirSync } from 'node:fs';
import { verifyBytes } from '@bpfship/oras-client';
import type { LoadedObject } from '../kernel/kernel.ts';
import type { ActivateOptions, Activation, AttachedProgram, CarriedMap, NewGeneration } from './activation.ts';
import { attachPrograms, structOpsOf } from './attach-programs.ts';
import { pinMaps } from './carry-maps.ts';
import { copyLateEntries, copyMaps } from './copy-maps.ts';
import { fillArrays } from './fill-arrays.ts';
import { loadTargets } from './load-targets.ts';
import { parameterVariables } from './parameters.ts';
import { pinnedGenerations } from './pins.ts';
import { type MapPlan, NO_MAPS, planMaps } from './plan-maps.ts';
import { linkIds, removeGeneration } from './recover.ts';
import { planXdp, type XdpPlan } from './shared-xdp/plan-xdp.ts';
import { emptySlots } from './stubs/recover-stubs.ts';
import { removeStubs, stubsOf } from './stubs/stub-pins.ts';
import { UndoList } from './undo-list.ts';
import { withBtfFile } from './with-btf-file.ts';

/**
 * Loads a generation and puts it at its hooks, beside or in the place of the running one. Where anything fails, the running one is as it
 * was and the error is thrown. Until `commit` or `undo` both generations hold their pins.
 */
export async function activate(options: ActivateOptions): Promise<Activation> {
  const { kernel, timer } = options;
  const undoing = new UndoList();
  try {
    const xdp = await planXdp(options);
    const { loaded, maps, plan } = await timer.run(
      'load',
      () => loadAndPin(options, xdp, undoing),
      ({ loaded: { programs, maps: all } }) => ({ detail: `${programs.length} programs, ${all.length} maps` }),
    );
    const migrating = { kernel, pins: options.pins, runningId: options.running?.id ?? 0, copies: plan.copies };
    if (plan.copies.length > 0) {
      await timer.run(
        'migrate',
        () => copyMaps(migrating),
        (copied) => ({ detail: copied.map(({ name, entries }) => `${name}: ${entries} entries`).join(', ') }),
      );
    }
    const reused = new Set(Object.keys(plan.reuse));
    const { running, next, pins } = options;
    const unfilled = running ? await fillArrays({ kernel, pins, next, running, reused }, undoing) : [];
    const { programs, slot } = await timer.run(
      'attach',
      () => attachPrograms({ ...options, xdp }, loaded, undoing),
      ({ programs: attached }) => ({ detail: attached.map(describeSwitch).join(', ') }),
    );
    const lost = plan.lost.map((name) => `somebody had removed the pin of map "${name}": it begins empty`);
    const warnings = [...lost, ...unfilled, ...(await copyLateEntries(migrating))];
    await kernel.close(loaded.id);
    return {
      programs,
      maps,
      warnings,
      ...(slot === undefined ? {} : { slot }),
      undo: () => undoing.run(),
      commit: () => retire(options, { programs, slot }),
    };
  } catch (error) {
    await undoing.run();
    throw error;
  }
}

async function loadAndPin(
  { kernel, pins, next, running }: ActivateOptions,
  { components }: XdpPlan,
  undoing: UndoList,
): Promise<{ loaded: LoadedObject; maps: CarriedMap[]; plan: MapPlan }> {
  mkdirSync(pins.maps, { recursive: true, mode: 0o700 });
  const plan = running ? await planMaps(kernel, pins, next, running) : NO_MAPS;
  const loaded = await loadGeneration({ kernel, next }, plan, components);
  // A second close, after the first has done its work, is no matter.
  undoing.push('closing the object', () => kernel.close(loaded.id).catch(() => undefined));
  undoing.push('removing its pins', async () => {
    const kept = running ? await linkIds(kernel, pins, running.id, running.programs) : new Set<number>();
    await removeGeneration(kernel, pins, next.id, kept);
  });
  mkdirSync(pins.programs(next.id), { recursive: true, mode: 0o700 });
  mkdirSync(pins.links(next.id), { recursive: true, mode: 0o700 });
  const maps = await pinMaps({ kernel, pins, loaded, plan, runningId: running?.id, nextId: next.id }, undoing);
  const programs = Object.fromEntries(loaded.programs.map(({ name }) => [name, pins.program(next.id, name)]));
  const structOps = Object.fromEntries(structOpsOf(loaded).map((name) => [name, pins.program(next.id, name)]));
  await kernel.pinObject(loaded.id, { maps: structOps, programs });
  return { loaded, maps, plan };
}

/**
 * Loads the object of a generation.
 *
 * @param plan - what of its maps is pinned already.
 * @param components - XDP programs that are to share interfaces. Default: none.
 */
export function loadGeneration(
  { kernel, next }: Pick<ActivateOptions, 'kernel' | 'next'>,
  { reuse, sizes }: Pick<MapPlan, 'reuse' | 'sizes'>,
  components: readonly string[] = [],
): Promise<LoadedObject> {
  return withBtfFile(next.supplement, (file) => {
    checkObject(next);
    return kernel.load({
      name: next.variant.name,
      bytes: next.object,
      reuseMaps: reuse,
      targets: loadTargets(next.attachments),
      mapSizes: sizes,
      ...(components.length > 0 ? { components } : {}),
      variables: parameterVariables(next.object, next.index, next.parameters),
      ...(file === undefined ? {} : { customBtfPath: file }),
    });
  });
}

/** Hashes once more, in memory, the bytes that the loader is given next: whatever road they came by. @throws {OciError} `ERR_OCI_DIGEST_MISMATCH`. */
function checkObject({ object, variant }: NewGeneration): void {
  const { digest, size } = variant.object;
  verifyBytes(object, { mediaType: 'application/octet-stream', digest, size });
}

function describeSwitch({ hook, switched }: AttachedProgram): string {
  return switched === 'attached' ? hook : `${hook} (${switched})`;
}

/** Lets go of what ran before: its slots are emptied, its stubs and links that nobody has taken over detached, its pins removed. */
async function retire(
  { kernel, pins, next, running }: ActivateOptions,
  { programs, slot }: Pick<Activation, 'programs'> & { slot: number | undefined },
): Promise<void> {
  if (slot !== undefined && running) await emptySlots(kernel, pins, slot, programs);
  // A program that is under way may still go on in one of its generation's array, which is emptied when its last pin goes.
  else if (running?.variant.maps.some(({ type }) => type === 'prog_array')) await kernel.settle();
  const kept = await linkIds(kernel, pins, next.id, programs);
  await removeStubs(kernel, pins, new Set(stubsOf(programs).map(({ key }) => key)), kept);
  for (const other of pinnedGenerations(pins)) if (other !== next.id) await removeGeneration(kernel, pins, other, kept);
}
