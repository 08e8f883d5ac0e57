import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

// `npm run test:core`: the whole comparison of CO-RE decisions with libbpf's own code, of which `npm test` runs a slice. Compiles some 250
// objects and reads six kernels' BTF, all fetched once into .cache/. Arguments are passed to vitest.
const ROOT = join(import.meta.dirname, '..');
const FILES = ['core-real', 'core-kernels', 'core-random', 'core-modules', 'core-differential'];
const { status } = spawnSync(
  process.execPath,
  [
    join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...FILES.map((name) => `packages/bpf-object/test/${name}.test.ts`),
    ...process.argv.slice(2),
  ],
  {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, BPFSHIP_CORE: 'all', BPFSHIP_CORE_ROUNDS: '12000', BPFSHIP_CORE_MODULES: '40' },
  },
);
process.exitCode = status ?? 1;
