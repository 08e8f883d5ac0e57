import { readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { deriveRequirements, readBpfObject } from '../../packages/bpf-object/dist/index.js';
import type { BtfIndex } from '../../packages/media-types/dist/index.js';
import { decide, kernelFactsBytes, neededFacts, parseKernelFacts } from '../../packages/portability/dist/index.js';
import {
  exportKernelFacts,
  loadedModules,
  openKernel,
  readKernelBtf,
  readKernelFacts,
} from '../../packages/runtime-shim/dist/index.js';

// Runs inside a qemu guest: whether exported facts decide about every object in a folder as the node itself does, and what the kernel says.
const FOLDER = '/work/objects';

const kernel = openKernel();
const btf = await readKernelBtf();
const exported = parseKernelFacts(kernelFactsBytes(await exportKernelFacts({ kernel, btf })));
const different: string[] = [];
const loads: Record<string, { verdict: string; kernel: boolean }> = {};
const objects = readdirSync(FOLDER);
for (const name of objects) {
  const object = readBpfObject(readFileSync(`${FOLDER}/${name}`));
  const { requirements, types, guards } = deriveRequirements(object);
  const programs = object.programs.map(({ name: program, section, attachment }) => ({
    name: program,
    section,
    ...attachment,
  }));
  const platform = { byteOrder: 'little' };
  const variant = {
    name,
    layer: '',
    platform,
    programs,
    maps: [],
    requirements,
    guards,
    types: Buffer.from(types).toString('base64'),
  };
  const index = { variants: [variant] } as unknown as BtfIndex;
  const facts = await readKernelFacts({ kernel, btf, for: neededFacts([variant]) });
  const here = decide({ index, facts, modules: loadedModules(), ...(btf ? { btf } : {}) });
  if (!isDeepStrictEqual(decide({ index, facts: exported }), here)) different.push(name);
  loads[name] = { verdict: here.verdicts[0]?.loads ?? 'unknown', kernel: await loadsHere(name) };
}
const { features, programTypes, mapTypes } = exported;
const result = { release: release(), objects: objects.length, different, loads, features, programTypes, mapTypes };
process.stdout.write(`facts-result:${JSON.stringify(result)}\n`);
await kernel[Symbol.asyncDispose]();

async function loadsHere(name: string): Promise<boolean> {
  try {
    const { id } = await kernel.load({ name, bytes: readFileSync(`${FOLDER}/${name}`), trial: {} });
    await kernel.close(id);
    return true;
  } catch {
    return false;
  }
}
