// The first decision in a new process, as JSON of milliseconds and MiB. Arguments: BTF index file, kernel facts file. Plain JavaScript, since Node's
// support of TypeScript takes memory of its own. The documents were checked when they were stored.
const begin = performance.now();
const { readFileSync } = await import('node:fs');
const { decide } = await import('@bpfship/portability/decision');
const imported = performance.now();
const [indexFile, factsFile] = process.argv.slice(2);
const index = JSON.parse(readFileSync(indexFile, 'utf8'));
const facts = JSON.parse(readFileSync(factsFile, 'utf8'));
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
    'memory (MiB)': process.memoryUsage.rss() / 1_048_576,
  }),
);
