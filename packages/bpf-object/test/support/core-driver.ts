import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, fetchDebianSource } from '../../../../tools/machine/debian-archive.ts';
import type { CoreLoader } from '../../src/index.ts';

const SOURCE = new URL('../driver/decide.c', import.meta.url).pathname;
const OPEN_SOURCE = new URL('../driver/open.c', import.meta.url).pathname;
/** Debian's packages of libbpf, by the rules that they decide by. */
const SUITES = { 'libbpf-1.0': 'bookworm', 'libbpf-1.6': 'forky' } as const satisfies Record<CoreLoader, string>;

/** Builds test/driver/decide.c with libbpf's source in it, once. `bigEndian`: as on a big-endian machine. @returns the program's path. */
export function buildCoreDriver(loader: CoreLoader, bigEndian = false): string {
  return buildDriver(SOURCE, loader, bigEndian);
}

/** Builds test/driver/open.c with libbpf's source, once. @returns the program's path. */
export function buildOpenDriver(loader: CoreLoader): string {
  return buildDriver(OPEN_SOURCE, loader, false);
}

function buildDriver(driver: string, loader: CoreLoader, bigEndian: boolean): string {
  const source = join(CACHE, 'sources', SUITES[loader], 'libbpf');
  fetchDebianSource(SUITES[loader], 'libbpf', source);
  const digest = createHash('sha256').update(readFileSync(driver)).digest('hex').slice(0, 16);
  const output = join(CACHE, 'core-driver', `${loader}-${bigEndian ? 'be' : 'le'}-${digest}`);
  if (existsSync(output)) return output;
  mkdirSync(join(CACHE, 'core-driver'), { recursive: true });
  const folder = join(source, 'src');
  const part = `${output}.${process.pid}`;
  const flags = ['-O1', '-w', '-std=gnu11', '-D_GNU_SOURCE', '-D_LARGEFILE64_SOURCE', '-D_FILE_OFFSET_BITS=64'].concat([
    '-I.',
    '-I../include',
    '-I../include/uapi',
  ]);
  const gcc = (...args: string[]): unknown => execFileSync('gcc', [...flags, ...args], { cwd: folder });
  // What libbpf reckons on a big-endian machine: the byte order of the machine matters to this file alone.
  const swapped = ['-U__BYTE_ORDER__', '-D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__'];
  gcc(...(bigEndian ? swapped : []), '-c', 'relo_core.c', '-o', `${part}.o`);
  // The driver of relocations includes libbpf.c, which it watches.
  const files = readdirSync(folder).filter((name) => /^(?!libbpf\.c|relo_core\.c).*\.c$/.test(name));
  gcc('-o', part, driver, `${part}.o`, ...(driver === SOURCE ? [] : ['libbpf.c']), ...files, '-lelf', '-lz');
  rmSync(`${part}.o`);
  renameSync(part, output);
  return output;
}

/** One object and what it is relocated against. */
export interface CoreCase {
  object: string;
  kernel: string;
  /** Files with the BTF of modules. Default: none. */
  modules?: readonly string[];
}

/** What one loader decided about one relocation. */
export interface CoreDecision {
  /** Candidates before this relocation; those of the n-th module are `n:id`. */
  candidates: string[];
  /** Those that are left for later relocations of the type; undefined where the relocation failed. */
  left: string[] | undefined;
  /** `error`, `poison`, or the value and the words of the patched instruction. */
  action: string;
}

/** Decisions by `program#relocation`, in the order in which they were taken; `refused` where the object could not be opened. */
export type CoreDecisions = Map<string, CoreDecision> | 'refused';

/** Lets libbpf decide. */
export function runCoreDriver(driver: string, cases: readonly CoreCase[]): CoreDecisions[] {
  const input = cases.map(({ object, kernel, modules }) => [object, kernel, ...(modules ?? [])].join(' ')).join('\n');
  const { status, stdout, stderr } = spawnSync(driver, { input, encoding: 'utf8', maxBuffer: 1024 ** 3 });
  if (status !== 0) throw new Error(`the driver failed: ${stderr.slice(-1000)}`);
  return stdout
    .split(/^=== \d+\n/m)
    .slice(1)
    .map(readDecisions);
}

function readDecisions(text: string): CoreDecisions {
  if (text.startsWith('refused')) return 'refused';
  const decisions: CoreDecisions = new Map();
  for (const line of text.split('\n')) {
    const [head = '', before = '', after = '', result = '', words = ''] = line.split('|').map((part) => part.trim());
    const place = /^(\S+) (\d+)$/.exec(head);
    if (place === null) continue;
    const [poison, value] = result.split(' ');
    const failed = result === 'error';
    const action = failed ? 'error' : poison === '1' ? 'poison' : `${value} ${words}`;
    decisions.set(`${place[1]}#${place[2]}`, {
      candidates: before.split(' ').filter(Boolean),
      left: failed ? undefined : after.split(' ').filter(Boolean),
      action,
    });
  }
  return decisions;
}
