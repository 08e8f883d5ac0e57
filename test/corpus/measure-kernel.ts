import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KernelFacts } from '@bpfship/portability';
import { CACHE } from '../../tools/machine/debian-archive.ts';
import { fetchKernel } from '../../tools/machine/kernels.ts';
import { collectRequirements } from './collect-requirements.ts';
import { compileDriver, DRIVER } from './compile-driver.ts';
import { runCorpusGuest } from './run-corpus-guest.ts';
import { readTruth, type Truth } from './truth.ts';

/** This machine's own kernel, in place of a series. */
export const HOST = 'host';

/** What a kernel did with the objects, and what it says of itself. */
export interface Measurement {
  kernel: string;
  /** `uname -r`. */
  release: string;
  truth: Truth[];
  facts: KernelFacts;
  btf: Uint8Array;
}

/**
 * Measures one kernel. What it did with the objects is kept in the cache for as long as objects, driver and kernel are the same; its facts
 * are read anew, since it is their reader that changes.
 *
 * @param kernel - a series, or {@link HOST}.
 */
export async function measureKernel(kernel: string, objects: readonly string[]): Promise<Measurement> {
  const name = kernel === HOST ? release() : fetchKernel(kernel).release;
  const key = measurementKey(name, objects);
  const kept = join(CACHE, 'corpus', 'truth', `${kernel}-${key}.jsonl`);
  const output = join(CACHE, 'corpus', 'kernels', kernel);
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  mkdirSync(join(CACHE, 'corpus', 'truth'), { recursive: true });
  const load = !existsSync(kept);
  const work = mkdtempSync(join(tmpdir(), 'bpfship-corpus-'));
  try {
    const requirements = join(work, 'requirements.json');
    writeFileSync(requirements, JSON.stringify(collectRequirements(objects)));
    const driver = compileDriver(work);
    if (kernel === HOST) measureHere({ driver, requirements, objects: load ? objects : [], output });
    else await runCorpusGuest({ kernel, driver, requirements, objects: load ? objects : [], output });
    if (load) renameSync(join(output, 'truth.jsonl'), kept);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const facts = JSON.parse(readFileSync(join(output, 'facts.json'), 'utf8')) as KernelFacts;
  return { kernel, release: name, truth: readTruth(kept), facts, btf: readFileSync(join(output, 'vmlinux.btf')) };
}

function measurementKey(kernel: string, objects: readonly string[]): string {
  const hash = createHash('sha256').update(kernel).update(readFileSync(DRIVER));
  for (const path of objects) hash.update(path.slice(path.lastIndexOf('/'))).update(readFileSync(path));
  return hash.digest('hex').slice(0, 16);
}

function measureHere(options: {
  driver: string;
  requirements: string;
  objects: readonly string[];
  output: string;
}): void {
  const { driver, requirements, objects, output } = options;
  execFileSync(process.execPath, [join(import.meta.dirname, 'guest-facts.ts'), requirements, output]);
  if (objects.length === 0) return;
  const lines = execFileSync(driver, [...objects], { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  writeFileSync(join(output, 'truth.jsonl'), lines);
}
