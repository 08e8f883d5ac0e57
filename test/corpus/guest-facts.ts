import { readFileSync, writeFileSync } from 'node:fs';
import { openKernel, readKernelBtf, readKernelFacts, type ReadFactsOptions } from '@bpfship/runtime-shim';

// Runs on the kernel in question: `node guest-facts.ts REQUIREMENTS FOLDER` writes facts.json and vmlinux.btf. The requirements are those
// of all objects together, so that helpers and hooks are asked for too; what is asked for without any is asked as well.
type Requirements = NonNullable<ReadFactsOptions['for']>;
const [requirementsPath = '', folder = ''] = process.argv.slice(2);
const requirements = JSON.parse(readFileSync(requirementsPath, 'utf8')) as Requirements;
const kernel = openKernel();
const btf = await readKernelBtf();
const general = await readKernelFacts({ kernel, btf });
const facts = await readKernelFacts({ kernel, btf, for: requirements });
const merged = {
  ...general,
  ...facts,
  programTypes: { ...general.programTypes, ...facts.programTypes },
  mapTypes: { ...general.mapTypes, ...facts.mapTypes },
  helpers: { ...general.helpers, ...facts.helpers },
  features: { ...general.features, ...facts.features },
};
writeFileSync(`${folder}/facts.json`, `${JSON.stringify(merged)}\n`);
if (btf !== undefined) writeFileSync(`${folder}/vmlinux.btf`, btf);
await kernel[Symbol.asyncDispose]();
