import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KernelFacts, kernelFactsBytes } from '@bpfship/portability';

/** Different kernels that are made of each real one. */
const KINDS = 25;

/** A real kernel. */
export interface RealKernel {
  release: string;
  btf: Uint8Array;
}

/** Facts of many nodes, as files, and the BTF that they name. */
export interface Fleet {
  files: string[];
  /** How many different BTFs there are. */
  kernels: number;
  /** The BTF of a digest that the facts name. */
  read: (digest: string) => Uint8Array;
}

/**
 * Writes facts of `count` nodes that all differ: real kernels, of each several builds whose BTF differs in some places, and on each node
 * another release, other kernel options and other answers to some probes.
 */
export function writeFleet(folder: string, count: number, base: KernelFacts, kernels: readonly RealKernel[]): Fleet {
  const builds = kernels.flatMap((kernel) => Array.from({ length: KINDS }, (_, kind) => ({ kernel, kind })));
  const byDigest = new Map(
    builds.map((build) => [
      `sha256:${createHash('sha256').update(varyBtf(build.kernel.btf, build.kind)).digest('hex')}`,
      build,
    ]),
  );
  const digests = [...byDigest.keys()];
  const files: string[] = [];
  mkdirSync(folder);
  for (let node = 0; node < count; node++) {
    // Builds come in any order, as nodes do.
    const digest = digests[Math.imul(node, 7919) % digests.length] ?? '';
    const build = byDigest.get(digest);
    if (build === undefined) throw new Error('there is no kernel');
    const facts = varyFacts(base, node, build.kernel, digest);
    const file = join(folder, `${node}.json`);
    writeFileSync(file, kernelFactsBytes(facts));
    files.push(file);
  }
  const read = (digest: string): Uint8Array => {
    const build = byDigest.get(digest);
    if (build === undefined) throw new Error(`there is no BTF ${digest}`);
    return varyBtf(build.kernel.btf, build.kind);
  };
  return { files, kernels: digests.length, read };
}

/** Another build of the kernel: with one more string, which nothing here asks for. Everything else is read anew all the same. */
function varyBtf(btf: Uint8Array, kind: number): Uint8Array {
  const extra = new TextEncoder().encode(`build_${kind}\0`);
  const changed = new Uint8Array(btf.length + extra.length);
  changed.set(btf);
  changed.set(extra, btf.length);
  const view = new DataView(changed.buffer);
  // The strings come last (Documentation/bpf/btf.rst); their length is the sixth word.
  view.setUint32(20, view.getUint32(20, true) + extra.length, true);
  return changed;
}

function varyFacts(base: KernelFacts, node: number, kernel: RealKernel, digest: string): KernelFacts {
  const flip = (table: Readonly<Record<string, boolean>>, every: number): Record<string, boolean> =>
    Object.fromEntries(
      Object.entries(table).map(([name, there], index) => [name, (node + index) % every === 0 ? !there : there]),
    );
  return {
    ...base,
    release: `${kernel.release}-node${node}`,
    btf: { available: true, digest, size: kernel.btf.length },
    programTypes: flip(base.programTypes, 97),
    mapTypes: flip(base.mapTypes, 89),
    features: flip(base.features, 83),
    helpers: Object.fromEntries(Object.entries(base.helpers).map(([type, helpers]) => [type, flip(helpers, 101)])),
    kconfig: Object.fromEntries(
      Array.from({ length: 120 }, (_, option) => [`CONFIG_OPTION_${option}`, (node >> (option % 13)) & 1 ? 'y' : 'm']),
    ),
  };
}
