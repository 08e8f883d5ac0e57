import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from '../kernel/kernel.ts';
import type { RecordedProgram } from './activation.ts';
import { recoverComponents } from './shared-xdp/recover-components.ts';
import { namesIn, pinnedGenerations, type ServicePins } from './pins.ts';
import { recoverStubs } from './stubs/recover-stubs.ts';
import { linkPinOf, removeStubs, stubsOf } from './stubs/stub-pins.ts';
import type { Generation } from './state-schema.ts';

/**
 * Brings the pins of a service into agreement with its state, which an interrupted command may have left apart: the generation that the
 * state calls current is made whole, everything else is detached and removed.
 *
 * @param current - the generation that runs by the state; `undefined` where the service is not installed.
 * @param stopped - whether its programs are to be at no hook. Default: they are to be at theirs.
 * @returns what was done, a line each; nothing where all was well.
 */
export async function recover(
  kernel: Kernel,
  pins: ServicePins,
  current: Generation | undefined,
  stopped = false,
): Promise<string[]> {
  const done: string[] = [];
  if (current) {
    rmSync(pins.newMaps(current.id), { recursive: true, force: true });
    for (const name of namesIn(pins.replacedMaps(current.id))) {
      renameSync(join(pins.replacedMaps(current.id), name), join(pins.maps, name));
      done.push(`map ${name} was given back to generation ${current.id}`);
    }
  }
  if (current && stopped) {
    const left = await removeLinksOf(kernel, pins, current.id);
    for (const name of left) done.push(`${name}, which an interrupted command left attached, was detached`);
  }
  const kept = current ? await linkIds(kernel, pins, current.id, current.programs) : new Set<number>();
  if (current && !stopped) {
    done.push(...(await recoverComponents(kernel, pins, current)));
    done.push(...(await recoverStubs(kernel, pins, current, kept)));
    // Before anything is detached: a link of the generation may still run what is taken away next.
    done.push(...(await correctPrograms(kernel, pins, current)));
  }
  for (const id of pinnedGenerations(pins)) {
    if (id === current?.id) continue;
    await removeGeneration(kernel, pins, id, kept);
    done.push(`what an interrupted command left of generation ${id} was removed`);
  }
  if (current) {
    const left = stopped ? [] : await removeLinksBut(kernel, pins, current.id, current.programs);
    for (const name of left) done.push(`${name}, which an interrupted command left attached, was detached`);
  }
  done.push(...(await kernel.cleanXdpDispatchers(pins.xdp)));
  if (current) return done;
  if (existsSync(pins.root)) {
    await removeStubs(kernel, pins);
    rmSync(pins.root, { recursive: true, force: true });
    if (done.length === 0) done.push('pins that belonged to no installed service were removed');
  }
  return done;
}

/** Ids of the pinned links of a generation, and of those of its programs' stubs. */
export async function linkIds(
  kernel: Kernel,
  pins: ServicePins,
  id: number,
  programs: readonly RecordedProgram[],
): Promise<Set<number>> {
  const folder = pins.links(id);
  const own = namesIn(folder).map((name) => join(folder, name));
  const held = [...own, ...programs.map((program) => linkPinOf(pins, id, program))];
  return idsOf(kernel, held);
}

async function idsOf(kernel: Kernel, pinned: Iterable<string>): Promise<Set<number>> {
  const links = await Promise.all([...pinned].map((pin) => kernel.inspectPin(pin)));
  return new Set(links.flatMap((link) => (link?.kind === 'link' ? [link.id] : [])));
}

/** @param kept - ids of links that are only unpinned. */
async function removeLink(kernel: Kernel, pins: ServicePins, pin: string, kept: ReadonlySet<number>): Promise<void> {
  const link = await kernel.inspectPin(pin);
  if (link?.kind === 'program') {
    await kernel.leaveXdpDispatchers({ folders: pins.xdp, programs: [link.id] });
    rmSync(pin, { force: true });
    return;
  }
  // A folder, where no single link holds the program.
  if (link && kept.has(link.id)) rmSync(pin, { recursive: true, force: true });
  else await kernel.removeLink(pin);
}

/**
 * Detaches the programs of a generation and removes its pins.
 *
 * @param kept - ids of links that another generation has taken over: they are only unpinned here.
 */
export async function removeGeneration(
  kernel: Kernel,
  pins: ServicePins,
  id: number,
  kept: ReadonlySet<number>,
): Promise<void> {
  const all = new Set([...kept, ...(await interfaceLinkIds(kernel, pins))]);
  for (const folder of [pins.components(id), pins.links(id)]) {
    for (const name of namesIn(folder)) await removeLink(kernel, pins, join(folder, name), all);
  }
  rmSync(pins.generation(id), { recursive: true, force: true });
}

/** Detaches all programs of a generation, and the service's stubs. @returns names of the pins that were removed. */
export function removeLinksOf(kernel: Kernel, pins: ServicePins, id: number): Promise<string[]> {
  return removeLinksBut(kernel, pins, id, []);
}

/** Detaches what is at hooks of a generation, and stubs of the service, that none of some programs stands for. @returns names of pins. */
export async function removeLinksBut(
  kernel: Kernel,
  pins: ServicePins,
  id: number,
  programs: readonly RecordedProgram[],
): Promise<string[]> {
  const wanted = new Set(programs.map((program) => linkPinOf(pins, id, program)));
  const kept = new Set([...(await idsOf(kernel, wanted)), ...(await interfaceLinkIds(kernel, pins))]);
  const removed: string[] = [];
  for (const name of namesIn(pins.links(id))) {
    const pin = join(pins.links(id), name);
    if (wanted.has(pin)) continue;
    await removeLink(kernel, pins, pin, kept);
    removed.push(name);
  }
  const stubs = new Set(stubsOf(programs).map(({ key }) => key));
  return [...removed, ...(await removeStubs(kernel, pins, stubs, kept))];
}

/** Ids of the links that hold XDP dispatchers: they are of all services on their interface. */
async function interfaceLinkIds(kernel: Kernel, { xdp: { own } }: ServicePins): Promise<Set<number>> {
  const names = namesIn(own).filter((name) => name.startsWith('link-'));
  return idsOf(
    kernel,
    names.map((name) => join(own, name)),
  );
}

/** A link that was switched in place runs the program of a generation that never came to be. */
async function correctPrograms(kernel: Kernel, pins: ServicePins, { id, programs }: Generation): Promise<string[]> {
  const done: string[] = [];
  for (const recorded of programs) {
    const { name, key, stub } = recorded;
    const linkPin = linkPinOf(pins, id, recorded);
    const programPin = stub === undefined ? pins.program(id, name) : pins.stubProgram(stub.key);
    const link = await kernel.inspectPin(linkPin);
    const program = await kernel.inspectPin(programPin);
    if (link?.kind !== 'link' || program?.kind !== 'program' || link.dead || link.programId === program.id) continue;
    await kernel.updateLinkToPin(linkPin, programPin);
    done.push(`program ${key} of generation ${id} was put back in its place`);
  }
  return done;
}
