import { join } from 'node:path';
import type { Bpf } from '../kernel/native/bpf.ts';
import { callError } from '../kernel/native/errno.ts';
import type { DispatcherChange } from './change-dispatcher.ts';
import { pinComponents, unpinComponents } from './dispatcher-pins.ts';
import { mark, unmark } from './leftovers.ts';
import { loadDispatcher, replaceFunction } from './load-dispatcher.ts';
import { folderName } from './protocol.ts';
import type { Component } from './read-dispatcher.ts';

/** A component with a descriptor of its program. */
export interface OpenComponent extends Component {
  programFd: number;
}

/** A dispatcher that is whole and attached to nothing. */
export interface MadeDispatcher {
  fd: number;
  /** The folder of its components' pins. */
  pins: string;
  /** Forgets it, where it came to no interface. */
  discard: () => void;
}

/** Makes a dispatcher with its components in their places, pinned. */
export function makeDispatcher(
  bpf: Bpf,
  { btf, folders, interfaceName }: DispatcherChange,
  interfaceIndex: number,
  components: readonly OpenComponent[],
): MadeDispatcher {
  const { fd, id } = loadDispatcher(bpf, btf, components);
  const name = folderName(interfaceIndex, id);
  const links: number[] = [];
  try {
    const [own = 0, ...places] = btf.functions;
    for (const [slot, { programFd, name: program }] of components.entries()) {
      // One alone takes the place of the whole dispatcher, as libxdp does it: it then costs nothing.
      const link = replaceFunction(bpf, fd, components.length === 1 ? own : (places[slot] ?? 0), programFd);
      if (link < 0) {
        throw callError(
          'ERR_KERNEL_ATTACH',
          `putting XDP program "${program}" beside others on ${interfaceName}`,
          link,
          {
            hint: 'The program cannot share an interface on this kernel; name another interface for it.',
          },
        );
      }
      links.push(link);
    }
    mark(folders, name);
    const pins = join(folders.shared, name);
    pinComponents(
      bpf,
      pins,
      components.map(({ programFd }, slot) => ({ programFd, linkFd: links[slot] ?? -1 })),
    );
    const discard = (): void => {
      unpinComponents(pins);
      unmark(folders, name);
    };
    return { fd, pins, discard };
  } catch (error) {
    bpf.native.close(fd);
    unmark(folders, name);
    throw error;
  } finally {
    for (const link of links) bpf.native.close(link);
  }
}
