import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const OBJECTS = new URL('../objects/', import.meta.url).pathname;
const DRIVER = new URL('../driver/', import.meta.url).pathname;

/** A folder for what the tests build, removed by `remove`. */
export interface Workshop {
  folder: string;
  remove(): void;
}

export function openWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), 'bpf-object-test-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Compiles test/objects/<name>.bpf.c and returns the object's path. */
export function compileObject(workshop: Workshop, name: string, flags: readonly string[] = [], target = 'bpf'): string {
  const output = join(workshop.folder, `${name}${flags.join('')}${target}.bpf.o`.replaceAll(/[^\w.-]/g, '_'));
  const include = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const source = join(OBJECTS, `${name}.bpf.c`);
  execFileSync('clang', [
    '-O2',
    '-g',
    '-target',
    target,
    '-Wall',
    `-I${include}`,
    ...flags,
    '-c',
    source,
    '-o',
    output,
  ]);
  return output;
}

/** Compiles and reads. */
export function compileBytes(
  workshop: Workshop,
  name: string,
  flags: readonly string[] = [],
  target = 'bpf',
): Uint8Array {
  return new Uint8Array(readFileSync(compileObject(workshop, name, flags, target)));
}

/** Builds a driver of test/driver against the installed libbpf. */
export function buildDriver(workshop: Workshop, name: string): string {
  const output = join(workshop.folder, name);
  execFileSync('gcc', ['-O1', '-Wall', join(DRIVER, `${name}.c`), '-o', output, '-lbpf']);
  return output;
}

/** Compiles and reads without debug data, which no loader reads: `bpftool gen object` leaves it out. */
export function compileStripped(workshop: Workshop, name: string): Uint8Array {
  const input = compileObject(workshop, name);
  const output = `${input}.stripped.o`;
  execFileSync('bpftool', ['gen', 'object', output, input]);
  return new Uint8Array(readFileSync(output));
}
