import { renameSync, rmSync } from 'node:fs';
import { KernelError } from '../../kernel/kernel-error.ts';
import type { NewComponent } from '../../xdp-dispatcher/change-dispatcher.ts';
import { actionBits, DEFAULT_PRIORITY } from '../../xdp-dispatcher/protocol.ts';
import type { Attaching } from '../attach-programs.ts';
import type { Switch, XdpManner } from '../activation.ts';
import type { Attachment } from '../attachment.ts';
import { predecessorOf } from '../switch-link.ts';
import type { UndoList } from '../undo-list.ts';
import { loadTwin } from './load-twin.ts';
import type { Owner } from './plan-xdp.ts';

type Options = Attaching['options'];

/**
 * Puts a program among those that share an interface, in the place of its predecessor where there is one. Its "link" is a second pin of
 * the program: which link holds it in its place changes with every change of the dispatcher, by whatever tool.
 */
export async function attachComponent(options: Options, attachment: Attachment, undoing: UndoList): Promise<Switch> {
  const { kernel, pins, next, running, xdp } = options;
  const { key, name, target } = attachment;
  const before = running && predecessorOf(running, next, pins, attachment);
  const beforePin = running && before ? pins.link(running.id, before.key) : undefined;
  const old = beforePin === undefined ? undefined : await kernel.inspectPin(beforePin);
  const linkPin = pins.link(next.id, key);
  // Pinned before it runs: whoever dies in between leaves a pin by which it is found.
  await pinComponent(options, attachment);
  undoing.push(`unpinning ${key}`, () => rmSync(linkPin, { force: true }));
  const id = (await kernel.inspectPin(linkPin))?.id ?? 0;
  const owner = xdp.owners.get(key);
  const twin = owner && (await makeRoom(options, owner));
  const takeOver = twin?.linkPin ?? (old?.kind === 'link' ? beforePin : undefined);
  const change = {
    interfaceName: target.interfaceName ?? '',
    folders: pins.xdp,
    ...(target.xdpMode === undefined ? {} : { mode: target.xdpMode }),
  };
  await kernel.changeXdpDispatcher({
    ...change,
    add: [...(twin ? [twin.component] : []), newComponent(name, linkPin, xdp.manners.get(key))],
    remove: old?.kind === 'program' ? [old.id] : [],
    ...(takeOver === undefined ? {} : { takeOver }),
  });
  twin?.finish();
  undoing.push(`detaching ${key}`, async () => {
    if (running && before && beforePin !== undefined && old?.kind === 'link') {
      await kernel.updateLinkToPin(beforePin, pins.program(running.id, before.name));
      await kernel.cleanXdpDispatchers(pins.xdp);
      return;
    }
    const back = before && beforePin !== undefined && old?.kind === 'program';
    const add = back ? [newComponent(before.name, beforePin, before.xdp)] : [];
    await kernel.changeXdpDispatcher({ ...change, add, remove: [id] });
  });
  return before ? 'in-place' : 'attached';
}

/** Pins the program in the place of its link; one that was loaded to be alone, in a second form that can share. */
async function pinComponent({ kernel, pins, next }: Options, { name, key }: Attachment): Promise<void> {
  const programPin = pins.program(next.id, name);
  const program = await kernel.inspectPin(programPin);
  const linkPin = pins.link(next.id, key);
  if (program?.kind === 'program' && program.type === 'ext') {
    await kernel.copyPin(programPin, linkPin);
    return;
  }
  const maps = next.variant.maps.map((map) => map.name).filter((map) => !map.startsWith('.'));
  const loadedFrom = { variant: next.variant.name, maps, object: next.object, supplement: next.supplement };
  renameSync(await loadTwin(kernel, { pins, id: next.id, name, key, loadedFrom }), linkPin);
}

/** A component by a pin of its program. */
export function newComponent(name: string, programPin: string, manner: XdpManner = USUAL): NewComponent {
  const { priority, chainCalls, frags } = manner;
  return { name, programPin, priority, actions: actionBits(chainCalls), frags };
}

/** Of programs that were attached before this was recorded. */
const USUAL: XdpManner = { priority: DEFAULT_PRIORITY, chainCalls: ['XDP_PASS'], frags: false };

/** The program of another service, in its second form. */
interface Room {
  component: NewComponent;
  /** The link that holds the program itself. */
  linkPin: string;
  /** Puts it into the program's place in the pins of its service. */
  finish: () => void;
}

/** Prepares that a program that has its interface for itself will share it. @throws {KernelError} `ERR_KERNEL_ATTACH` (EBUSY) where it cannot. */
async function makeRoom({ kernel }: Options, { neighbour, program }: Owner): Promise<Room> {
  const { pins, generation, service } = neighbour;
  const { name, key, hook } = program;
  try {
    const pin = await loadTwin(kernel, { pins, id: generation.id, name, key, loadedFrom: await neighbour.read() });
    const linkPin = pins.link(generation.id, key);
    return { component: newComponent(name, pin, program.xdp), linkPin, finish: () => renameSync(pin, linkPin) };
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    // Its code would say that the program that comes is bad.
    throw new KernelError('ERR_KERNEL_ATTACH', `program "${name}" of service ${service} does not share ${hook}`, {
      errno: 'EBUSY',
      details: cause.message,
      hint: `Name another interface, or uninstall the other one first: bpfship uninstall ${service}`,
    });
  }
}
