import type { XdpAction } from '@bpfship/portability';
import type { Kernel, PinnedInfo } from '../../kernel/kernel.ts';
import { actionNames } from '../../xdp-dispatcher/protocol.ts';
import type { ServicePins } from '../pins.ts';

/** How an XDP program has its interface: for itself, or together with others by libxdp's dispatcher protocol. */
export type XdpUse =
  | { use: 'exclusive' }
  | {
      use: 'shared';
      /** Kernel's id of the dispatcher program. */
      dispatcher: number;
      /** Kernel's id of the program in its place. */
      component: number;
      /** From 1, among all that are there, of whatever tool. */
      position: number;
      of: number;
      priority: number;
      /** After which of its return values the next one runs. */
      chainCalls: XdpAction[];
    };

/** @returns `undefined` for what is no XDP program at an interface, and for one that is not there any more. */
export async function describeXdpUse(
  kernel: Kernel,
  pins: ServicePins,
  interfaceName: string | undefined,
  pinned: PinnedInfo | undefined,
): Promise<XdpUse | undefined> {
  if (pinned?.kind === 'link') return pinned.type === 'xdp' && !pinned.dead ? { use: 'exclusive' } : undefined;
  if (pinned?.kind !== 'program' || interfaceName === undefined) return undefined;
  const occupant = await kernel.xdpOccupant(interfaceName, pins.xdp.shared);
  const components = occupant.kind === 'dispatcher' ? (occupant.components ?? []) : [];
  const at = components.findIndex(({ programId }) => programId === pinned.id);
  const component = components[at];
  if (occupant.kind !== 'dispatcher' || component === undefined) return undefined;
  return {
    use: 'shared',
    dispatcher: occupant.programId,
    component: pinned.id,
    position: at + 1,
    of: components.length,
    priority: component.priority,
    chainCalls: actionNames(component.actions),
  };
}
