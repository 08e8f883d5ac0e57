import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, fetchDebianSource } from '../../../../tools/machine/debian-archive.ts';
import type { CoreLoader } from '../../src/index.ts';

const SOURCE = new URL('../driver/decide.c', import.meta.url).pathname;
/** Debian's packages of libbpf, by the rules that they decide by. */
const SUITES = { 'libbpf-1.0': 'bookworm', 'libbpf-1.6': 'forky' } as const satisfies Record<CoreLoader, string>;

/** Builds test/driver/decide.c with libbpf's source in it, once. `bigEndian`: as on a big-endian machine. @returns the program's path. */
export function buildCoreDriver(loader: CoreLoader, bigEndian = false): string {
  const source = join(CACHE, 'sources', SUITES[loader], 'libbpf');
  fetchDebianSource(SUITES[loader], 'libbpf', source);
  const digest = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 16);
  const output = join(CACHE, 'core-driver', `${loader}-${bigEndian ? 'be' : 'le'}-${digest}`);
  if (existsSync(output)) return output;
  mkdirSync(join(CACHE, 'core-driver'), { recursive: true });
  const folder = join(source, 'src');
  // The driver includes what it watches.
  const included = ['libbpf.c', ...(bigEndian ? ['relo_core.c'] : [])];
  const files = readdirSync(folder).filter((name) => name.endsWith('.c') && !included.includes(name));
  const part = `${output}.${process.pid}`;
  const defines = ['_GNU_SOURCE', '_LARGEFILE64_SOURCE', '_FILE_OFFSET_BITS=64', ...(bigEndian ? ['BIG_ENDIAN_HOST'] : [])];
  execFileSync(
    'gcc',
    ['-O1', '-w', '-std=gnu11', ...defines.map((name) => `-D${name}`), '-I.', '-I../include', '-I../include/uapi']
      .concat(['-o', part, SOURCE, ...files, '-lelf', '-lz']),
    { cwd: folder },
  );
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
