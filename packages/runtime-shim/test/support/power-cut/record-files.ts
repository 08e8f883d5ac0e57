/**
 * Preloaded (`node --import`) into a process that changes a node: writes down everything that it does to files below a folder, in order
 * and with the bytes, as lines of JSON (`FileOperation`).
 * Environment: `BPFSHIP_RECORD_LOG`, the file for the lines; `BPFSHIP_RECORD_ROOT`, the folder.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import type { FileOperation } from './file-operation.ts';

const { BPFSHIP_RECORD_LOG: log = '', BPFSHIP_RECORD_ROOT: root = '' } = process.env;
const output = fs.openSync(log, 'a', 0o600);
const { writeSync } = fs;

type Callable = (this: unknown, ...args: never[]) => unknown;
type Functions = Record<string, Callable>;

function tell(operation: FileOperation): void {
  writeSync(output, `${JSON.stringify(operation)}\n`);
}

/** Path below the folder, '' for itself; `undefined` elsewhere. */
function inside(path: unknown): string | undefined {
  const name = relative(root, resolve(String(path)));
  return name.startsWith('..') ? undefined : name;
}

/** Wraps a function: `note` is called before it. */
function wrap(functions: Functions, name: string, note: (this: unknown, ...args: unknown[]) => void): void {
  const original = functions[name];
  if (!original) return;
  functions[name] = function wrapped(this: unknown, ...args: never[]): unknown {
    note.apply(this, args);
    return original.apply(this, args);
  };
}

function noteMkdir(path: unknown): void {
  const name = inside(path);
  if (name === undefined || fs.existsSync(String(path))) return;
  if (name !== '') noteMkdir(dirname(resolve(String(path))));
  tell({ kind: 'mkdir', path: name });
}

/** What opening does to what the folder lists: a new file, or an old one without its bytes. */
function noteOpen(path: unknown, flags: unknown): void {
  const name = inside(path);
  if (name === undefined || typeof flags !== 'string' || !/[wa]/.test(flags)) return;
  const exists = fs.existsSync(String(path));
  if (flags.includes('x') && exists) return;
  if (!exists) tell({ kind: 'create', path: name });
  else if (flags.startsWith('w')) tell({ kind: 'truncate', path: name });
}

function noteWrite(path: unknown, bytes: unknown): void {
  const name = inside(path);
  if (name === undefined) return;
  tell({ kind: 'write', path: name, bytes: Buffer.from(bytes as string | Uint8Array).toString('base64') });
}

function removeStepwise(path: string): void {
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isDirectory()) {
    fs.unlinkSync(path);
    return;
  }
  for (const name of fs.readdirSync(path)) removeStepwise(`${path}/${name}`);
  fs.rmdirSync(path);
}

for (const [functions, suffix] of [
  [fs as unknown as Functions, 'Sync'],
  [fs.promises as unknown as Functions, ''],
] as const) {
  wrap(functions, `mkdir${suffix}`, noteMkdir);
  wrap(functions, `open${suffix}`, noteOpen);
  wrap(functions, `writeFile${suffix}`, (path, bytes) => {
    noteOpen(path, 'w');
    noteWrite(path, bytes);
  });
  wrap(functions, `rename${suffix}`, (from, to) => {
    const [source, target] = [inside(from), inside(to)];
    if (source !== undefined && target !== undefined) tell({ kind: 'rename', from: source, to: target });
  });
  for (const name of ['unlink', 'rmdir'])
    wrap(functions, `${name}${suffix}`, (path) => {
      const target = inside(path);
      if (target !== undefined) tell({ kind: 'remove', path: target });
    });
  wrap(functions, `symlink${suffix}`, (to, path) => {
    const name = inside(path);
    if (name !== undefined && !fs.lstatSync(String(path), { throwIfNoEntry: false }))
      tell({ kind: 'symlink', path: name, to: String(to) });
  });
}
const files = fs as unknown as Functions;
const promises = fs.promises as unknown as Functions;
files['rmSync'] = removeStepwise;
promises['rm'] = async (path: string) => removeStepwise(path);

const handle = await fs.promises.open('/dev/null', 'r');
const prototype = Object.getPrototypeOf(handle) as Functions;
await handle.close();
const pathOf = (file: unknown): string => fs.readlinkSync(`/proc/self/fd/${(file as { fd: number }).fd}`);
for (const name of ['write', 'writeFile', 'appendFile'])
  wrap(prototype, name, function note(bytes, offset, length) {
    const whole = Buffer.from(bytes as string | Uint8Array);
    const start = typeof offset === 'number' ? offset : 0;
    noteWrite(pathOf(this), whole.subarray(start, typeof length === 'number' ? start + length : undefined));
  });
for (const name of ['sync', 'datasync'])
  wrap(prototype, name, function note() {
    const path = inside(pathOf(this));
    if (path !== undefined) tell({ kind: 'sync', path });
  });
syncBuiltinESMExports();
