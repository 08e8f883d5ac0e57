/**
 * Fuzzes everything that reads input from outside. Reproducible: a case is its target, seed and number.
 *
 *   node test/fuzz/run.ts [--iterations 1000000] [--seed 1] [--target elf]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createSeeds, type Seeds } from './seeds.ts';
import { fuzz } from './fuzz.ts';

/** A case may take this long, in milliseconds, before it counts as a hang. */
const HANG_MS = 10_000;

interface Job {
  seeds: Seeds;
  seed: number;
  iterations: number;
  target?: string;
}

if (isMainThread) await main();
else {
  // A worker's port has no origin.
  /* oxlint-disable unicorn/require-post-message-target-origin */
  const job = workerData as Job;
  const report = fuzz({ ...job, progress: (at) => parentPort?.postMessage({ at }) });
  parentPort?.postMessage({ report });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      iterations: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      target: { type: 'string' },
    },
  });
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-fuzz-'));
  try {
    const seeds = createSeeds(folder);
    const iterations = Number(values.iterations);
    const job: Job = {
      seeds,
      seed: Number(values.seed),
      iterations,
      ...(values.target ? { target: values.target } : {}),
    };
    const begin = performance.now();
    const outcomes = await runWorker(job);
    const seconds = (performance.now() - begin) / 1000;
    for (const [name, count] of Object.entries(outcomes).sort(([a], [b]) => (a < b ? -1 : 1)))
      process.stdout.write(`${name}: ${count}\n`);
    process.stdout.write(
      `${iterations} iterations in ${seconds.toFixed(0)} s, ${(iterations / seconds).toFixed(0)} a second, no defect\n`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs the cases in a thread, and ends it where one hangs or memory runs out. */
function runWorker(job: Job): Promise<Record<string, number>> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: job,
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    let at = 'the start';
    let timer = setTimeout(hang, HANG_MS * 6);
    function hang(): void {
      void worker.terminate();
      reject(new Error(`${at} hangs: more than ${HANG_MS} ms for one case`));
    }
    worker.on('message', (message: { at?: string; report?: Record<string, number> }) => {
      clearTimeout(timer);
      if (message.report) {
        resolve(message.report);
        return;
      }
      at = message.at ?? at;
      timer = setTimeout(hang, HANG_MS);
    });
    worker.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
