// The first decision in a new process. Arguments: BTF index file, kernel facts file. Prints milliseconds as JSON.
import { readFileSync } from 'node:fs';

const [indexFile = '', factsFile = ''] = process.argv.slice(2);
const begin = performance.now();
const { parseBtfIndex } = await import('@bpfship/media-types');
const { decide, parseKernelFacts } = await import('@bpfship/portability');
const imported = performance.now();
const index = parseBtfIndex(readFileSync(indexFile));
const facts = parseKernelFacts(readFileSync(factsFile));
const parsed = performance.now();
const btf = readFileSync('/sys/kernel/btf/vmlinux');
const read = performance.now();
const { candidates } = decide({ index, facts, btf });
const decided = performance.now();
if (candidates.length === 0) throw new Error('no variant fits, so that less than usual was decided');
console.log(
  JSON.stringify({
    modules: imported - begin,
    documents: parsed - imported,
    btf: read - parsed,
    decision: decided - read,
    together: decided - begin,
  }),
);
