// The programs inside of the single executable: which one it is, its name says. While code is compiled for it, it is none.
import { basename } from 'node:path';
import { isSea } from 'node:sea';

const name = isSea() ? basename(process.argv0) : '';
if (name === 'bpfship-shim') void import('../../packages/runtime-shim/dist/daemon/main.js');
else if (name !== '') void import('../../packages/cli/dist/main.js');
