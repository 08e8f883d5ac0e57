import { KernelError } from '../kernel/kernel-error.ts';
import { MAX_COMPONENTS } from './protocol.ts';
import type { XdpOccupant } from './read-dispatcher.ts';

/** The interface has programs that must not be touched. */
export function dispatcherTaken(interfaceName: string, why: string): KernelError {
  return new KernelError('ERR_KERNEL_ATTACH', `no XDP program can be added on ${interfaceName}: ${why}`, {
    errno: 'EBUSY',
    hint: `"xdp-loader status ${interfaceName}" and "bpftool net" show what runs there; take it away first, or name another interface.`,
  });
}

/** What is on the interface was put there by another tool, and is no dispatcher that keeps to the protocol. */
export function notOurs(interfaceName: string, occupant: XdpOccupant): KernelError {
  const name = occupant.kind === 'program' ? `the program "${occupant.name}"` : 'a dispatcher';
  const how = occupant.kind !== 'none' && occupant.linkId !== undefined ? ` by link ${occupant.linkId}` : '';
  return dispatcherTaken(interfaceName, `another tool has put ${name} there${how}, which has the interface for itself`);
}

/** All places are taken. */
export function tooMany(interfaceName: string): KernelError {
  return dispatcherTaken(
    interfaceName,
    `it has ${MAX_COMPONENTS} programs already, and libxdp’s protocol has no more places`,
  );
}
