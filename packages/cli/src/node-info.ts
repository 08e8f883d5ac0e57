import type { BtfIndex } from '@bpfship/media-types';
import { type KernelFacts, type KernelModule, neededFacts } from '@bpfship/portability';
import {
  type BtfForm,
  exportKernelFacts,
  loadedModules,
  openKernel,
  readKernelBtf,
  readKernelFacts,
} from '@bpfship/runtime-shim';

/** What `bpfship info` shows of a node. */
export interface NodeInfo {
  text: string;
  data: Record<string, unknown>;
  facts: KernelFacts;
}

/** What a decision about a package on this node goes by. */
export interface NodeFacts {
  facts: KernelFacts;
  btf: Uint8Array | undefined;
  modules: () => readonly KernelModule[];
}

/** Reads only the facts that a package's requirements need. */
export async function readFactsFor(index: BtfIndex): Promise<NodeFacts> {
  await using kernel = openKernel();
  const btf = await readKernelBtf();
  const facts = await readKernelFacts({ kernel, btf, for: neededFacts(index.variants) });
  return { facts, btf, modules: loadedModules() };
}

const ORIGINS = { own: 'bpfship’s own', system: 'the system’s', named: 'as named' };

function known(table: Record<string, boolean>): string {
  const answers = Object.values(table);
  return `${answers.filter(Boolean).length} of ${answers.length} asked`;
}

/** Reads all facts of this node, so that they decide elsewhere as they do here. */
export async function exportFacts(btfForm: BtfForm): Promise<KernelFacts> {
  await using kernel = openKernel();
  return await exportKernelFacts({ kernel, btf: await readKernelBtf(), btfForm });
}

/** Reads what there is to say of this node. */
export async function readNodeInfo(): Promise<NodeInfo> {
  await using kernel = openKernel();
  const btf = await readKernelBtf();
  const facts = await readKernelFacts({ kernel, btf });
  const library = await kernel
    .library()
    .catch((error: unknown) => ({ version: `not usable: ${(error as Error).message}`, path: '', origin: undefined }));
  const data = {
    kernel: facts.release,
    architecture: facts.architecture,
    btf: facts.btf.available,
    libbpf: library,
    privileges: facts.privileges,
    node: process.versions.node,
  };
  const text = [
    `Kernel: Linux ${facts.release} (${facts.architecture}, ${facts.byteOrder}-endian)`,
    `BTF: ${facts.btf.available ? `yes, ${facts.btf.size} bytes` : 'no'}`,
    `libbpf: ${library.version}${library.origin === undefined ? '' : ` (${ORIGINS[library.origin]}, ${library.path})`}`,
    `May load programs: ${facts.privileges.load ? 'yes' : `no: ${facts.privileges.reason ?? 'unknown'}`}`,
    `Program types: ${known(facts.programTypes)}`,
    `Map types: ${known(facts.mapTypes)}`,
    `Features: ${known(facts.features)}`,
  ].join('\n');
  return { text, data, facts };
}
