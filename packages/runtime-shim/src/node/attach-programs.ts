import { rmSync } from 'node:fs';
import type { AttachedLink, LoadedObject } from '../kernel/kernel.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { ShimError } from '../shim-error.ts';
import type { ActivateOptions, AttachedProgram, RecordedProgram, Switching } from './activation.ts';
import type { Attachment } from './attachment.ts';
import { attachComponent } from './shared-xdp/attach-component.ts';
import type { XdpPlan } from './shared-xdp/plan-xdp.ts';
import { closeStubs, nextSlot, type PlacedStub, placeStubs, switchesTogether } from './stubs/place-stubs.ts';
import { linkPinOf, otherSlot, removeStub } from './stubs/stub-pins.ts';
import { predecessorOf, switchInPlace } from './switch-link.ts';
import type { UndoList } from './undo-list.ts';

/** Programs at their hooks, and the slot that the service's stubs go on in now; without a slot the service has no stubs. */
export interface AttachedGeneration {
  programs: AttachedProgram[];
  slot?: number;
}

/** What attaching works with. */
export interface Attaching {
  options: Pick<ActivateOptions, 'kernel' | 'pins' | 'next' | 'running'> & { xdp: XdpPlan };
  /** Handle of the loaded object. */
  object: number;
  undoing: UndoList;
}

/**
 * Brings the programs of a loaded generation to their hooks. Those that have stubs are put behind them first, where no event sees them yet; the
 * others get the links of the ones before them or links of their own; then one write lets all stubs go on in the new programs.
 */
export async function attachPrograms(
  options: Attaching['options'],
  loaded: LoadedObject,
  undoing: UndoList,
): Promise<AttachedGeneration> {
  const { kernel, pins, next, running } = options;
  const slot = await nextSlot(kernel, pins);
  const reusable = running?.programs ?? [];
  const places = await placeStubs(
    { kernel, pins, next, attachments: next.attachments, slot, reusable, staying: [], undoing },
    loaded,
  );
  const attaching = { options, object: loaded.id, undoing };
  const isLoaded = new Set([...loaded.programs.map(({ name }) => name), ...structOpsOf(loaded)]);
  const programs: AttachedProgram[] = [];
  for (const attachment of next.attachments.filter(({ name }) => isLoaded.has(name))) {
    programs.push(await attachOne(attaching, attachment, places.get(attachment.key)));
  }
  await closeStubs(kernel, places);
  const hasStubs = [...programs, ...(running?.programs ?? [])].some(({ stub }) => stub !== undefined);
  if (!hasStubs || (await kernel.readSelector(pins.selector)) === undefined) return { programs };
  undoing.push('letting the stubs go on in the programs before', async () => {
    await kernel.writeSelector(pins.selector, otherSlot(slot));
    // Programs of the new generation may run still; only then its slots may be emptied.
    await kernel.settle();
  });
  await kernel.writeSelector(pins.selector, slot);
  return { programs, slot };
}

/** Names of the struct_ops maps of a loaded object, which are attached in the place of their programs. */
export function structOpsOf({ maps }: Pick<LoadedObject, 'maps'>): string[] {
  return maps.filter(({ type }) => type === 'struct_ops').map(({ name }) => name);
}

/** Brings one program to its hook. @param place - its stub, or why it has none. */
export async function attachOne(
  attaching: Attaching,
  attachment: Attachment,
  place: PlacedStub | { why: string } | undefined,
): Promise<AttachedProgram> {
  const { xdp } = attaching.options;
  if (xdp.manners.has(attachment.key) && xdp.components.includes(attachment.name)) {
    const { options, undoing } = attaching;
    const switched = await attachComponent(options, attachment, undoing);
    return { ...recordedOf(attachment, xdp), switching: { way: 'in-place' }, switched };
  }
  const behind = place && 'stub' in place ? await attachStub(attaching, attachment, place) : place;
  if (behind && 'switched' in behind) return behind;
  if (switchesTogether(attaching.options.next)) throw notTogether(attachment, behind);
  return attachItself(attaching, attachment, behind?.why);
}

/**
 * Brings the stub of a program to its hook, where it is not there yet.
 *
 * @returns why that cannot be, where the kernel attaches no stub.
 */
async function attachStub(
  { options, undoing }: Attaching,
  attachment: Attachment,
  { stub, fresh }: PlacedStub,
): Promise<AttachedProgram | { why: string }> {
  const { kernel, pins, next, running } = options;
  const recorded = { ...recordedOf(attachment, options.xdp), switching: { way: 'stub' as const }, stub };
  if (!fresh) return { ...recorded, switched: 'stub' };
  const before = running && predecessorOf(running, next, pins, attachment);
  const linkPin = pins.stubLink(stub.key);
  if (running && before?.stub === undefined && before && (await takeLink(options, before, recorded, undoing))) {
    return { ...recorded, switched: 'in-place' };
  }
  try {
    await kernel.attach(fresh.object, fresh.program, { linkPin, ...attachment.target });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    await removeStub(kernel, pins, stub.key);
    return { why: `the kernel attaches no stub: ${error.message}` };
  }
  undoing.push(`detaching the stub ${stub.key}`, () => kernel.removeLink(linkPin));
  if (before === undefined) return { ...recorded, switched: 'attached' };
  // The stub before goes on in an empty slot from the same moment on from which this one does not.
  return { ...recorded, switched: before.stub ? 'stub' : 'overlap' };
}

/** Puts a stub into the running link of a program without one, in front of that program: where a service begins to switch as a whole. */
async function takeLink(
  { kernel, pins, running }: Attaching['options'],
  before: RecordedProgram,
  { stub }: { stub: { key: string } },
  undoing: UndoList,
): Promise<boolean> {
  if (!running || before.switching?.way !== 'in-place') return false;
  const oldLink = pins.link(running.id, before.key);
  const oldProgram = pins.program(running.id, before.name);
  const slots = pins.stubSlots(stub.key);
  const slot = otherSlot(await nextSlot(kernel, pins));
  await kernel.fillSlot(slots, slot, oldProgram);
  await kernel.updateLinkToPin(oldLink, pins.stubProgram(stub.key));
  undoing.push(`giving ${before.key} its link back`, () => kernel.updateLinkToPin(oldLink, oldProgram));
  await kernel.copyPin(oldLink, pins.stubLink(stub.key));
  undoing.push(`unpinning the stub ${stub.key}`, () => rmSync(pins.stubLink(stub.key), { force: true }));
  return true;
}

/** Attaches a program without a stub, in the place of the one before it where the kernel can. */
async function attachItself(
  { options: { kernel, pins, next, running, xdp }, object, undoing }: Attaching,
  attachment: Attachment,
  why: string | undefined,
): Promise<AttachedProgram> {
  const { name, key, target } = attachment;
  const recorded = recordedOf(attachment, xdp);
  const before = running && predecessorOf(running, next, pins, attachment);
  const linkPin = pins.link(next.id, key);
  const place = { kernel, pins, object, program: name, linkPin };
  if (running && before && (await switchInPlace(place, running, before, undoing))) {
    return { ...recorded, switching: { way: 'in-place' }, switched: 'in-place' };
  }
  const oldPin = running && before && linkPinOf(pins, running.id, before);
  const replaces = oldPin !== undefined && attachment.program.type === 'struct_ops' ? { replaces: oldPin } : {};
  const link = await kernel.attach(object, name, { linkPin, ...target, ...replaces });
  if (link.gap && running && before && oldPin !== undefined) {
    undoing.push(`attaching ${before.key} again`, async () => {
      if (link.way === 'link') await kernel.relinkStructOps(pins.program(running.id, before.name), oldPin);
    });
  }
  undoing.push(`detaching ${key}`, () => kernel.removeLink(linkPin));
  const switched = before === undefined ? 'attached' : link.gap ? 'gap' : 'overlap';
  return { ...recorded, switching: switchingOf(link, why), switched };
}

/** Types of links whose program the kernel can replace (link_ops.update_prog). */
const REPLACEABLE: ReadonlySet<string> = new Set([
  'xdp',
  'cgroup',
  'netns',
  'iter',
  'tcx',
  'netkit',
  'sockmap',
  'struct_ops',
]);

function switchingOf({ type, way, gap }: AttachedLink, why: string | undefined): Switching {
  if (gap) return { way: 'gap', why: 'the kernel has room for one of its kind, and does not switch it' };
  if (way === 'link' ? REPLACEABLE.has(type) : way === 'tc-filter' || way === 'netlink') return { way: 'in-place' };
  if (way === 'registered-map') return { way: 'gap', why: 'without a link there is room for one of its name' };
  return {
    way: 'overlap',
    why: why ?? `links of type ${type} keep their program, and programs at this hook get no stub`,
  };
}

function recordedOf({ name, key, hook, target }: Attachment, { manners }: XdpPlan): RecordedProgram {
  const manner = manners.get(key);
  return {
    name,
    key,
    hook,
    ...(Object.keys(target).length > 0 ? { target } : {}),
    ...(manner === undefined ? {} : { xdp: manner }),
  };
}

function notTogether({ name, hook }: Attachment, refusal: { why: string } | undefined): ShimError {
  const why = refusal?.why ?? 'programs at this hook get no stub';
  return new ShimError(
    'ERR_SHIM_SWITCHING',
    `the service says that its programs switch together, and "${name}" at ${hook} cannot: ${why}`,
    { hint: 'Ask the author for a variant that can, or for a version that does not ask for it ("switching").' },
  );
}
