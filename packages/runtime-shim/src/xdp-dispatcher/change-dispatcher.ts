import { join } from 'node:path';
import { KernelError } from '../kernel/kernel-error.ts';
import type { Bpf } from '../kernel/native/bpf.ts';
import { callError } from '../kernel/native/errno.ts';
import { inRunOrder } from './component-order.ts';
import type { DispatcherBtf } from './dispatcher-btf.ts';
import { dispatcherTaken, notOurs, tooMany } from './dispatcher-errors.ts';
import { unpinComponents } from './dispatcher-pins.ts';
import { withFolderLock } from './folder-lock.ts';
import { cleanUp, leaveFolders, mark, unmark } from './leftovers.ts';
import { makeDispatcher, type OpenComponent } from './make-dispatcher.ts';
import { openProgram, Outrun, putInPlace, takeAway } from './put-in-place.ts';
import { type Component, readOccupant, type XdpOccupant } from './read-dispatcher.ts';
import type { XdpMode } from './interface-xdp.ts';
import { type ComponentConfig, folderName, MAX_COMPONENTS, pinNames, PROTOCOL_VERSION } from './protocol.ts';

/** How often a change is begun anew because another tool was faster. */
const MAX_TRIES = 10;

/** Where dispatchers have their pins. */
export interface DispatcherFolders {
  /** Those of the protocol, which every tool reads: `<bpffs>/xdp`. */
  shared: string;
  /** What only we need: links that hold dispatchers at interfaces, and marks of changes that are under way. */
  own: string;
}

/** A component to add, by the pin of its program. */
export interface NewComponent extends ComponentConfig {
  /** Of the program's function, in full. */
  name: string;
  programPin: string;
}

/** A change of the set of programs on an interface. */
export interface DispatcherChange {
  interfaceName: string;
  folders: DispatcherFolders;
  btf: DispatcherBtf;
  add: readonly NewComponent[];
  /** Ids of programs that leave; those that are not there are no matter. */
  remove: readonly number[];
  /** Default: as it is, else the kernel chooses. */
  mode?: XdpMode;
  /** A pinned XDP link of ours whose program gives way to the dispatcher: its program comes back as one of `add`. */
  takeOver?: string;
}

/** What is on the interface now. */
export interface DispatcherState {
  /** In the order in which they run; none where nothing is left. `linkPin`: of the link that holds it in its place. */
  components: (Component & { linkPin: string })[];
}

/**
 * Changes which programs run on an interface, in one step for its packets: a new dispatcher is made whole, and then takes the place of
 * what is there.
 *
 * @throws {KernelError} `ERR_KERNEL_ATTACH`, after which all is as it was.
 */
export function changeDispatcher(bpf: Bpf, change: DispatcherChange): DispatcherState {
  const { interfaceName, folders } = change;
  const interfaceIndex = bpf.native.ifNameToIndex(interfaceName);
  if (interfaceIndex === 0) {
    if (change.add.length === 0) return { components: [] };
    throw new KernelError('ERR_KERNEL_ATTACH', `there is no network interface "${interfaceName}"`, {
      errno: 'ENODEV',
      hint: '"ip link" lists the interfaces.',
    });
  }
  return withFolderLock(bpf.native, folders.shared, () => {
    try {
      for (let tries = 1; ; tries++) {
        const occupant = readOccupant(bpf, interfaceIndex, folders.shared);
        cleanUp(bpf, folders, interfaceIndex, occupant);
        try {
          return changeOnce(bpf, change, interfaceIndex, occupant);
        } catch (error) {
          if (!(error instanceof Outrun)) throw error;
          if (tries === MAX_TRIES) throw error.cause;
        }
      }
    } finally {
      leaveFolders(folders);
    }
  });
}

function changeOnce(
  bpf: Bpf,
  change: DispatcherChange,
  interfaceIndex: number,
  occupant: XdpOccupant,
): DispatcherState {
  const { interfaceName, folders, remove, add, mode } = change;
  if (mode !== undefined && occupant.kind !== 'none' && occupant.mode !== mode && add.length > 0)
    throw dispatcherTaken(interfaceName, `XDP runs in ${occupant.mode} mode there, not in ${mode} mode`);
  const there = componentsThere(occupant, change);
  const old = occupant.kind === 'dispatcher' ? folderName(interfaceIndex, occupant.programId) : undefined;
  if (add.length === 0 && !there.some(({ programId }) => remove.includes(programId)))
    return stateOf(there, old === undefined ? '' : join(folders.shared, old));
  const opened: OpenComponent[] = [];
  try {
    for (const component of there) {
      if (!remove.includes(component.programId))
        opened.push({ ...component, programFd: openProgram(bpf, component.programId) });
    }
    for (const component of add) opened.push(openPinned(bpf, component));
    const components = inRunOrder(lastOfEach(opened));
    if (components.length > MAX_COMPONENTS) throw tooMany(interfaceName);
    if (components.length === 0) {
      replace(folders, old, () => takeAway(bpf, change, interfaceIndex, occupant));
      return { components: [] };
    }
    const made = makeDispatcher(bpf, change, interfaceIndex, components);
    try {
      replace(folders, old, () => putInPlace(bpf, change, interfaceIndex, { occupant, programFd: made.fd }));
    } catch (error) {
      made.discard();
      throw error;
    } finally {
      bpf.native.close(made.fd);
    }
    return stateOf(
      components.map(({ programFd: _fd, ...component }) => component),
      made.pins,
    );
  } finally {
    for (const { programFd } of opened) bpf.native.close(programFd);
  }
}

/** Makes the one step, and removes the pins of the dispatcher that was there before. */
function replace(folders: DispatcherFolders, old: string | undefined, step: () => void): void {
  if (old === undefined) {
    step();
    return;
  }
  const markedNow = mark(folders, old);
  try {
    step();
  } catch (error) {
    if (markedNow) unmark(folders, old);
    throw error;
  }
  unpinComponents(join(folders.shared, old));
  unmark(folders, old);
}

function stateOf(components: readonly Component[], pins: string): DispatcherState {
  return {
    components: components.map((component, slot) => ({ ...component, linkPin: join(pins, pinNames(slot).link) })),
  };
}

/** Of what is there twice, what was said last. */
function lastOfEach(components: readonly OpenComponent[]): OpenComponent[] {
  return components.filter(
    ({ programId }, i) => components.findLastIndex((other) => other.programId === programId) === i,
  );
}

/** The components that are there, where they may be changed at all. */
function componentsThere(
  occupant: XdpOccupant,
  { interfaceName, takeOver, folders, add }: DispatcherChange,
): readonly Component[] {
  if (occupant.kind === 'none') return [];
  if (occupant.kind === 'program') {
    if (takeOver === undefined && add.length > 0) throw notOurs(interfaceName, occupant);
    return [];
  }
  if (occupant.version !== PROTOCOL_VERSION) {
    const why = `its dispatcher is of version ${occupant.version} of libxdp’s protocol, not ${PROTOCOL_VERSION}`;
    throw dispatcherTaken(interfaceName, why);
  }
  if (!occupant.components)
    throw dispatcherTaken(interfaceName, `the pins of its dispatcher’s components are not in ${folders.shared}`);
  return occupant.components;
}

function openPinned(bpf: Bpf, { programPin, ...component }: NewComponent): OpenComponent {
  const programFd = bpf.open(programPin);
  if (programFd < 0) throw callError('ERR_KERNEL_NOT_FOUND', `opening ${programPin}`, programFd);
  return { ...component, programFd, programId: bpf.info(programFd).readUInt32LE(4) };
}
