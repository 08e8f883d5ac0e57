import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Findings } from '../benchmarks/benchmark.ts';
import type { Machine } from '../support/machine.ts';

const FOLDER = join(import.meta.dirname, '..', 'results');

/** `bench/results/<name>.json` */
export interface Result extends Findings {
  schemaVersion: 1;
  name: string;
  question: string;
  /** Day of the measurement, UTC. */
  date: string;
  /** What was measured; `+` where the working tree differed from that commit. */
  commit: string;
  machine: Machine;
}

/** Keeps a result, in the place of the earlier one. */
export function writeResult(result: Result): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, `${result.name}.json`), `${formatResult(result)}\n`);
}

/** Results that are kept, in the order of the names. */
export function readResults(names: readonly string[]): Result[] {
  const files = names.map((name) => join(FOLDER, `${name}.json`)).filter((file) => existsSync(file));
  return files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Result);
}

/** Keeps the page. */
export function writePage(page: string): void {
  writeFileSync(join(FOLDER, 'README.md'), page);
}

/** JSON with each series' runs on one line, so that a new measurement is a readable change. */
function formatResult(result: Result): string {
  return JSON.stringify(result, undefined, 2).replaceAll(
    /\[\s+(-?\d[\d.,\s-]*?)\s+\]/g,
    (_, runs: string) => `[${runs.replaceAll(/\s+/g, ' ')}]`,
  );
}
