import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Requirement } from '@bpfship/media-types';
import type { KernelFacts } from '@bpfship/portability';
import { CACHE } from '../../tools/machine/debian-archive.ts';
import { fetchKernel } from '../../tools/machine/kernels.ts';
import { compileDriver, DRIVER } from './compile-driver.ts';
import { type CorpusGuest, runCorpusGuest } from './run-corpus-guest.ts';
import { readTruth, type Truth } from './truth.ts';

/** This machine's own kernel, in place of a series. */
export const HOST = 'host';

/** How to measure. */
export interface MeasureOptions {
  /** What the facts must answer. Default: everything, as `bpfship facts` exports it, which takes an emulated guest a minute. */
  needed?: readonly Requirement[];
  /** Takes the facts of the last measurement, where all that is asked was measured: no boot. Default false. */
  keptFacts?: boolean;
}

/** What a kernel did with the objects, and what it says of itself. */
export interface Measurement {
  kernel: string;
  /** `uname -r`. */
  release: string;
  truth: Truth[];
  /** With the kernel's BTF in them. */
  facts: KernelFacts;
}

/**
 * Measures one kernel. What it did with an object is kept in the cache for as long as object, driver and kernel are the same; the kernel's
 * facts are read anew, since it is their reader that changes.
 *
 * @param kernel - a series, or {@link HOST}.
 */
export async function measureKernel(
  kernel: string,
  objects: readonly string[],
  { needed, keptFacts = false }: MeasureOptions = {},
): Promise<Measurement> {
  const name = kernel === HOST ? release() : fetchKernel(kernel).release;
  const facts = join(CACHE, 'corpus', 'kernels', kernel, 'facts.json');
  const kept = (path: string): string => keptTruth(kernel, name, path);
  const missing = objects.filter((path) => !existsSync(kept(path)));
  const isMeasured = keptFacts && missing.length === 0 && existsSync(facts);
  const text = isMeasured ? readFileSync(facts, 'utf8') : await boot({ kernel, missing, facts, needed, kept });
  const truth = objects.flatMap((path) => readTruth(kept(path)));
  return { kernel, release: name, truth, facts: JSON.parse(text) as KernelFacts };
}

/** One boot of a kernel, or one run on this machine's own, in a folder of its own: several may run at once. @returns the facts' text. */
async function boot(options: {
  kernel: string;
  missing: readonly string[];
  facts: string;
  needed: readonly Requirement[] | undefined;
  kept: (path: string) => string;
}): Promise<string> {
  const { kernel, missing, facts, needed, kept } = options;
  const work = mkdtempSync(join(tmpdir(), 'bpfship-corpus-'));
  try {
    const output = join(work, 'output');
    mkdirSync(output);
    const neededPath = join(work, 'needed.json');
    if (needed !== undefined) writeFileSync(neededPath, JSON.stringify(needed));
    const guest = {
      kernel,
      driver: compileDriver(work, kernel === HOST ? undefined : fetchKernel(kernel).architecture),
      objects: missing,
      output,
      ...(needed === undefined ? {} : { neededPath }),
    };
    if (kernel === HOST) measureHere(guest);
    else await runCorpusGuest(guest);
    if (missing.length > 0) keepTruth(readTruth(join(output, 'truth.jsonl')), missing, kept);
    const text = readFileSync(join(output, 'facts.json'), 'utf8');
    replaceFile(facts, text);
    return text;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Path of what a kernel did with an object: by all that decides it. */
function keptTruth(kernel: string, name: string, path: string): string {
  const hash = createHash('sha256').update(name).update(readFileSync(DRIVER));
  const key = hash.update(basename(path)).update(readFileSync(path)).digest('hex').slice(0, 24);
  return join(CACHE, 'corpus', 'truth', kernel, `${key}.jsonl`);
}

function keepTruth(truth: readonly Truth[], objects: readonly string[], kept: (path: string) => string): void {
  const byObject = Map.groupBy(truth, ({ object }) => object);
  for (const path of objects) {
    const lines = (byObject.get(basename(path)) ?? []).map((line) => `${JSON.stringify(line)}\n`);
    replaceFile(kept(path), lines.join(''));
  }
}

/** Another run finds the old file or the new one, never half of it. */
function replaceFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.part`;
  writeFileSync(part, text);
  renameSync(part, path);
}

function measureHere({ driver, objects, output, neededPath }: CorpusGuest): void {
  execFileSync(process.execPath, [
    join(import.meta.dirname, 'guest-facts.ts'),
    output,
    ...(neededPath ? [neededPath] : []),
  ]);
  if (objects.length === 0) return;
  const lines = execFileSync(driver, [...objects], { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  writeFileSync(join(output, 'truth.jsonl'), lines);
}
