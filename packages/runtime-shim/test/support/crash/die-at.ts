/**
 * Preloaded (`node --import`) into a process that changes a node, and thereby into its worker: every operation that changes a file, a
 * mount or the kernel gets a number and a name, which go to a log, and before one of them the process is killed, as by `kill -9`.
 * The production code knows nothing of it: the functions of `node:fs`, `node:fs/promises`, `node:child_process` and koffi are wrapped.
 *
 * Environment: `BPFSHIP_CRASH_LOG`, a file that gets one line for each operation; `BPFSHIP_CRASH_AT`, the name at which to die, with
 * ` (torn)` at its end to die in the middle of a write; `BPFSHIP_CRASH_ROOT`, the folder that names are relative to.
 * Operations before the node's lock is taken change nothing of the node and are not counted, but for the change with no lock before it.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import koffi from 'koffi';

const { BPFSHIP_CRASH_LOG: log = '', BPFSHIP_CRASH_AT: dieAt = '', BPFSHIP_CRASH_ROOT: root = '' } = process.env;
const output = fs.openSync(log, 'a', 0o600);
const write = fs.writeSync;
const seen = new Map<string, number>();

type Callable = (this: unknown, ...args: never[]) => unknown;
type Functions = Record<string, Callable>;

/** Names a point, tells of it, and dies at it where that is wanted. @returns its name, where to die in the middle of it. */
function pass(what: string): string | undefined {
  const occurrence = (seen.get(what) ?? 0) + 1;
  seen.set(what, occurrence);
  const name = occurrence === 1 ? what : `${what} #${occurrence}`;
  write(output, `${name}\n`);
  if (dieAt === name) die(name);
  return dieAt === `${name} (torn)` ? dieAt : undefined;
}

function die(name: string): void {
  write(output, `died at ${name}\n`);
  process.kill(process.pid, 'SIGKILL');
}

/** A path without what differs from run to run: the folder, random names, numbers of generations and of stubs. */
function shorten(path: unknown): string {
  return String(path)
    .replace(root, '')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'UUID')
    .replaceAll(/[0-9a-f]{64}/g, 'DIGEST')
    .replaceAll(/generations\/\d+/g, 'generations/N')
    .replaceAll(/~\d+/g, '')
    .replaceAll(/bpfship-(\w+)-\w{6}/g, 'bpfship-$1-RANDOM');
}

function wrap(
  functions: Functions,
  name: string,
  describe: (this: unknown, ...args: unknown[]) => string | undefined,
): void {
  const original = functions[name];
  if (!original) return;
  functions[name] = function wrapped(this: unknown, ...args: never[]): unknown {
    const what = describe.apply(this, args);
    if (what !== undefined) pass(what);
    return original.apply(this, args);
  };
}

const WRITING = /[wa+]/;

/** Both the functions that wait and those that promise. */
function wrapFiles(functions: Functions, suffix: string): void {
  for (const name of ['mkdir', 'rmdir', 'unlink', 'truncate', 'chmod', 'mkdtemp']) {
    wrap(functions, `${name}${suffix}`, (path) => `${name} ${shorten(path)}`);
  }
  for (const name of ['rename', 'link', 'copyFile', 'cp']) {
    wrap(functions, `${name}${suffix}`, (from, to) => `${name} ${shorten(from)} → ${shorten(to)}`);
  }
  wrap(functions, `symlink${suffix}`, (_, path) => `symlink ${shorten(path)}`);
  wrap(functions, `open${suffix}`, (path, flags) =>
    typeof flags === 'string' && WRITING.test(flags) ? `open ${shorten(path)} (${flags})` : undefined,
  );
  wrap(functions, `writeFile${suffix}`, (path) => `writeFile ${shorten(path)}`);
  wrap(functions, `appendFile${suffix}`, (path) => `appendFile ${shorten(path)}`);
}

/** Removes one after the other, as the recursive removal does inside, so that it can be interrupted between them. */
function removeStepwise(path: string, options: fs.RmOptions = {}): void {
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!found && options.force) return;
  if (!found?.isDirectory()) {
    fs.unlinkSync(path);
    return;
  }
  for (const name of fs.readdirSync(path)) removeStepwise(`${path}/${name}`, options);
  fs.rmdirSync(path);
}

function pathOf(file: unknown): string {
  return shorten(fs.readlinkSync(`/proc/self/fd/${(file as { fd: number }).fd}`));
}

async function wrapHandles(): Promise<void> {
  const handle = await fs.promises.open('/dev/null', 'r');
  const prototype = Object.getPrototypeOf(handle) as Functions & { fd: number };
  await handle.close();
  for (const name of ['sync', 'datasync', 'truncate']) {
    wrap(prototype, name, function describe() {
      return `${name} ${pathOf(this)}`;
    });
  }
  for (const name of ['write', 'writeFile', 'appendFile']) {
    const original = prototype[name];
    if (!original) continue;
    prototype[name] = function wrapped(this: { fd: number }, ...args: never[]): unknown {
      const torn = pass(`write ${pathOf(this)}`);
      if (torn !== undefined) {
        const bytes = Buffer.from(args[0] as string | Uint8Array);
        write(this.fd, bytes.subarray(0, Math.floor(bytes.length / 2)));
        die(torn);
      }
      return original.apply(this, args);
    } as Callable;
  }
}

/** Commands of bpf(2) that change something (include/uapi/linux/bpf.h, enum bpf_cmd). */
const COMMANDS: Readonly<Record<number, string>> = {
  0: 'MAP_CREATE',
  2: 'MAP_UPDATE_ELEM',
  3: 'MAP_DELETE_ELEM',
  5: 'PROG_LOAD',
  6: 'OBJ_PIN',
  8: 'PROG_ATTACH',
  9: 'PROG_DETACH',
  17: 'RAW_TRACEPOINT_OPEN',
  18: 'BTF_LOAD',
  22: 'MAP_FREEZE',
  26: 'MAP_UPDATE_BATCH',
  28: 'LINK_CREATE',
  29: 'LINK_UPDATE',
  34: 'LINK_DETACH',
  35: 'PROG_BIND_MAP',
};
const BPF_SYSCALLS: ReadonlySet<number> = new Set([321, 280]);
const CHANGING = /_(?:load|attach\w*|detach\w*|destroy|pin|unpin|update\w*|disconnect|create\w*|close)$/;

function wrapNative(): void {
  const load = koffi.load.bind(koffi);
  koffi.load = (...args: Parameters<typeof koffi.load>) => {
    const library = load(...args);
    const func = library.func.bind(library) as (...definition: unknown[]) => Callable;
    return new Proxy(library, {
      get: (target, key) =>
        key === 'func'
          ? (...definition: unknown[]) => wrapFunction(func(...definition), definition)
          : Reflect.get(target, key),
    });
  };
}

function wrapFunction(native: Callable, [definition]: readonly unknown[]): Callable {
  const name = /(\w+)\s*\(/.exec(String(definition))?.[1] ?? '';
  if (name === 'syscall') return systemCall(native);
  return name === 'flock' || CHANGING.test(name) ? named(native, () => name) : native;
}

function named(native: Callable, describe: (...args: unknown[]) => string | undefined): Callable {
  return (...args) => {
    const what = describe(...args);
    if (what !== undefined) pass(what);
    return native(...args);
  };
}

function systemCall(native: Callable): Callable {
  return named(native, (number, command, attr) => {
    if (!BPF_SYSCALLS.has(Number(number))) return undefined;
    const name = COMMANDS[Number(command)];
    if (name !== 'OBJ_PIN') return name && `bpf ${name}`;
    // Its path is the first member of the attribute.
    return `bpf OBJ_PIN ${shorten(koffi.decode((attr as Buffer).readBigUInt64LE(0), 'char', -1))}`;
  });
}

const files = fs as unknown as Functions;
const promises = fs.promises as unknown as Functions;
wrapFiles(files, 'Sync');
wrapFiles(promises, '');
files['rmSync'] = removeStepwise;
promises['rm'] = async (path: string, options?: fs.RmOptions) => removeStepwise(path, options);
wrap(childProcess as unknown as Functions, 'execFileSync', (program, args) =>
  [program, ...(args as string[]).map(shorten)].join(' '),
);
await wrapHandles();
wrapNative();
syncBuiltinESMExports();
