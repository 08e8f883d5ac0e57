import type { AttachedLink } from '../kernel.ts';
import type { Native } from '../native/library.ts';
import { type AttachRequest, refuse } from './attach-request.ts';
import { inNetworkNamespace } from './network-namespace.ts';

/** Runs an action in the interface's network namespace. @throws {KernelError} where no interface is named, or there is none. */
export function atInterface(
  request: AttachRequest,
  action: (interfaceIndex: number, name: string) => AttachedLink,
): AttachedLink {
  const { bpf, options, program } = request;
  const { interfaceName: name, netnsPath } = options;
  if (name === undefined) {
    throw refuse(`program "${program}" needs a network interface`, 'Name one with --interface, e.g. --interface eth0.');
  }
  return inNetworkNamespace(bpf.native, netnsPath, () => action(indexOf(bpf.native, name, netnsPath), name));
}

function indexOf(native: Native, name: string, netns: string | undefined): number {
  const index = native.ifNameToIndex(name);
  if (index > 0) return index;
  throw refuse(
    `there is no network interface "${name}"${netns === undefined ? '' : ` in ${netns}`}`,
    '"ip link" lists the interfaces.',
  );
}
