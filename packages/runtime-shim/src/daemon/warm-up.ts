import { shareConnections } from '@bpfship/oras-client';
import type { ShimNode } from '../node/shim-node.ts';

/** Loads what the first install would wait for: the kernel's worker with libbpf, the kernel's types, and the client of registries. */
export async function warmUp(node: ShimNode): Promise<void> {
  await using connections = shareConnections();
  await Promise.all([node.warmUp(), connections.open(), import('./api/open-requested.ts')]);
}
