import { spawn } from 'node:child_process';
import { join } from 'node:path';

// `npm run registry`: the development registry, with its own options.
const program = join(import.meta.dirname, '..', 'registry-dev', 'bin', 'registry-dev.js');
const child = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.on('close', (status) => process.exit(status ?? 0));
