import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kernel, LoadedObject } from '../kernel/kernel.ts';
import type { ActivateOptions, Activation, AttachedProgram, CarriedMap } from './activation.ts';
import { pinMaps, reusableMaps } from './carry-maps.ts';
import { parameterVariables } from './parameters.ts';
import { pinnedGenerations, type ServicePins } from './pins.ts';
import { linkIds, removeGeneration } from './recover.ts';
import { predecessorOf, switchInPlace } from './switch-link.ts';
import { UndoList } from './undo-list.ts';

/**
 * Loads a generation and puts it at its hooks, beside or in the place of the running one. Where anything fails, the running one is as it
 * was and the error is thrown. Until `commit` or `undo` both generations hold their pins.
 */
export async function activate(options: ActivateOptions): Promise<Activation> {
  const { kernel, pins, next, timer } = options;
  const undoing = new UndoList();
  try {
    const { loaded, maps } = await timer.run(
      'load',
      () => loadAndPin(options, undoing),
      ({ loaded: { programs, maps: all } }) => ({ detail: `${programs.length} programs, ${all.length} maps` }),
    );
    const programs = await timer.run(
      'attach',
      () => attachAll(options, loaded, undoing),
      (attached) => ({ detail: attached.map(describeSwitch).join(', ') }),
    );
    await kernel.close(loaded.id);
    return {
      programs,
      maps,
      undo: () => undoing.run(),
      commit: () => retireOthers(kernel, pins, next.id),
    };
  } catch (error) {
    await undoing.run();
    throw error;
  }
}

async function loadAndPin(
  { kernel, pins, next, running }: ActivateOptions,
  undoing: UndoList,
): Promise<{ loaded: LoadedObject; maps: CarriedMap[] }> {
  mkdirSync(pins.maps, { recursive: true, mode: 0o700 });
  const reuseMaps = running ? await reusableMaps(kernel, pins, next, running) : {};
  const loaded = await withBtfFile(next.supplement, (file) =>
    kernel.load({
      name: next.variant.name,
      bytes: next.object,
      reuseMaps,
      variables: parameterVariables(next.object, next.index, next.parameters),
      ...(file === undefined ? {} : { customBtfPath: file }),
    }),
  );
  // A second close, after the first has done its work, is no matter.
  undoing.push('closing the object', () => kernel.close(loaded.id).catch(() => undefined));
  undoing.push('removing its pins', async () => {
    const kept = running ? await linkIds(kernel, pins, running.id) : new Set<number>();
    await removeGeneration(kernel, pins, next.id, kept);
  });
  mkdirSync(pins.programs(next.id), { recursive: true, mode: 0o700 });
  mkdirSync(pins.links(next.id), { recursive: true, mode: 0o700 });
  const maps = await pinMaps({ kernel, pins, loaded, reuseMaps, runningId: running?.id }, undoing);
  const programs = Object.fromEntries(loaded.programs.map(({ name }) => [name, pins.program(next.id, name)]));
  await kernel.pinObject(loaded.id, { maps: {}, programs });
  return { loaded, maps };
}

/** The loader takes BTF by its path: a file that only this process's user can read, for as long as it loads. */
async function withBtfFile<T>(btf: Uint8Array | undefined, use: (path: string | undefined) => Promise<T>): Promise<T> {
  if (btf === undefined) return use(undefined);
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-btf-'));
  try {
    const path = join(folder, 'kernel.btf');
    writeFileSync(path, btf, { mode: 0o600 });
    return await use(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function attachAll(
  options: ActivateOptions,
  loaded: LoadedObject,
  undoing: UndoList,
): Promise<AttachedProgram[]> {
  const { kernel, pins, next, running } = options;
  const attached: AttachedProgram[] = [];
  const isLoaded = new Set(loaded.programs.map(({ name }) => name));
  for (const attachment of next.attachments) {
    const { name, key, hook, target } = attachment;
    if (!isLoaded.has(name)) continue;
    const before = running && predecessorOf(running, next, pins, attachment);
    const linkPin = pins.link(next.id, key);
    const place = { kernel, pins, object: loaded.id, program: name, linkPin };
    const recorded = { name, key, hook, ...(Object.keys(target).length > 0 ? { target } : {}) };
    if (running && before && (await switchInPlace(place, { id: running.id, ...before }, undoing))) {
      attached.push({ ...recorded, switched: 'in-place' });
      continue;
    }
    await kernel.attach(loaded.id, name, { linkPin, ...target });
    undoing.push(`detaching ${key}`, () => kernel.removeLink(linkPin));
    attached.push({ ...recorded, switched: before ? 'overlap' : 'attached' });
  }
  return attached;
}

function describeSwitch({ hook, switched }: AttachedProgram): string {
  return switched === 'attached' ? hook : `${hook} (${switched})`;
}

/** Detaches what ran before and removes its pins, but for the links that the generation has taken over. */
async function retireOthers(kernel: Kernel, pins: ServicePins, id: number): Promise<void> {
  const kept = await linkIds(kernel, pins, id);
  for (const other of pinnedGenerations(pins)) if (other !== id) await removeGeneration(kernel, pins, other, kept);
}
