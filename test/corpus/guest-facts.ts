import { readFileSync, writeFileSync } from 'node:fs';
import { exportKernelFacts, openKernel, readKernelBtf, readKernelFacts } from '@bpfship/runtime-shim';
import type { ReadFactsOptions } from '@bpfship/runtime-shim';

// Runs on the kernel in question: `node guest-facts.ts FOLDER [NEEDED]` writes facts.json, as `bpfship facts` would, or, where a file names
// what is needed, as a node reads them for a package; and vmlinux.btf for tools.
const [folder = '', neededPath] = process.argv.slice(2);
const kernel = openKernel();
const btf = await readKernelBtf();
const needed =
  neededPath === undefined
    ? undefined
    : (JSON.parse(readFileSync(neededPath, 'utf8')) as NonNullable<ReadFactsOptions['for']>);
const facts =
  needed === undefined
    ? await exportKernelFacts({ kernel, btf })
    : await readKernelFacts({ kernel, btf, for: needed, includeBtf: true });
writeFileSync(`${folder}/facts.json`, `${JSON.stringify(facts)}\n`);
if (btf !== undefined) writeFileSync(`${folder}/vmlinux.btf`, btf);
await kernel[Symbol.asyncDispose]();
