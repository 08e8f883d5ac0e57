import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

// `npm run test:crash`: kill -9 before every operation of every change of a node, and every power cut; `npm test` takes a slice. Needs root.
// Arguments are passed to vitest.
const ROOT = join(import.meta.dirname, '..');
const { status } = spawnSync(
  process.execPath,
  [
    join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    'packages/runtime-shim/test/node/crash-points.test.ts',
    'packages/runtime-shim/test/node/power-cut.test.ts',
    ...process.argv.slice(2),
  ],
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, BPFSHIP_CRASH: 'all' } },
);
process.exitCode = status ?? 1;
