import { writeFileSync } from 'node:fs';
import { exportKernelFacts, openKernel, readKernelBtf } from '@bpfship/runtime-shim';

// Runs on the kernel in question: `node guest-facts.ts FOLDER` writes facts.json, as `bpfship facts` would, and vmlinux.btf for tools.
const folder = process.argv.at(-1) ?? '';
const kernel = openKernel();
const btf = await readKernelBtf();
writeFileSync(`${folder}/facts.json`, `${JSON.stringify(await exportKernelFacts({ kernel, btf }))}\n`);
if (btf !== undefined) writeFileSync(`${folder}/vmlinux.btf`, btf);
await kernel[Symbol.asyncDispose]();
