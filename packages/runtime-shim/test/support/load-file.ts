// Loads the object of a file: node load-file.ts OBJECT. Prints the names of its programs.
import { readFileSync } from 'node:fs';
import { openKernel } from '../../src/kernel/open-kernel.ts';

await using kernel = openKernel();
const { programs } = await kernel.load({ name: 'file', bytes: readFileSync(process.argv[2] ?? '') });
process.stdout.write(`${programs.map(({ name }) => name).join(' ')}\n`);
