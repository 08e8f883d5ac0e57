import { parseArgs } from 'node:util';
import type { Benchmark } from './benchmarks/benchmark.ts';
import { BENCHMARKS } from './benchmarks/index.ts';
import { renderPage } from './report/page.ts';
import { readResults, type Result, writePage, writeResult } from './report/result.ts';
import { renderComparisons, renderGroup } from './report/table.ts';
import { SOAKS } from './soak/all.ts';
import { buildFingerprint } from './support/build-fingerprint.ts';
import { describeCommit, describeMachine } from './support/machine.ts';

/** Results of `npm run soak`, which the page shows too. */
const SOAK_NAMES = SOAKS.map(({ name }) => `soak-${name}`);
const NAMES = BENCHMARKS.map(({ name }) => name);
const USAGE = `Usage: npm run bench -- [options] [name...]

Measures, prints a table per benchmark, and writes bench/results/.

Names (default: all):
${BENCHMARKS.map(({ name, question }) => `  ${name.padEnd(10)} ${question}`).join('\n')}

Options:
  --quick   one run of each, nothing is written: to see that they work
  --render  measures nothing, writes bench/results/README.md from the JSON files
  --help    prints this text
`;

/** Taken as soon as this process has loaded the packages. */
const BUILD = buildFingerprint();
const COMMIT = describeCommit();

const interrupt = new AbortController();
// Once: a second signal ends this process at once.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort());

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = interrupt.signal.aborted ? 130 : 1;
  console.error(
    interrupt.signal.aborted
      ? 'Interrupted; everything was stopped and removed.'
      : `Error: ${error instanceof Error ? error.message : String(error)}`,
  );
}

async function main(): Promise<number> {
  const options = {
    quick: { type: 'boolean', default: false },
    render: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const;
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const unknown = positionals.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) {
    console.error(`Error: there is no benchmark "${unknown.join('", "')}"\nThere are: ${NAMES.join(', ')}`);
    return 2;
  }
  const chosen = BENCHMARKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  for (const benchmark of values.render ? [] : chosen) await measure(benchmark, values.quick);
  if (!values.quick) writePage(renderPage(readResults([...NAMES, ...SOAK_NAMES])));
  return 0;
}

async function measure({ name, question, whyNot, run }: Benchmark, quick: boolean): Promise<void> {
  console.log(`\n${name}: ${question}`);
  const reason = await whyNot();
  if (reason !== undefined) {
    console.log(`  left out: ${reason}`);
    return;
  }
  const machine = describeMachine();
  const findings = await run({ signal: interrupt.signal, quick, say: (line) => console.error(`  ${line}`) });
  if (buildFingerprint() !== BUILD)
    throw new Error(`the packages were built again while "${name}" ran: nothing is written; run it again`);
  const date = new Date().toISOString().slice(0, 10);
  const result: Result = { schemaVersion: 1, name, question, date, commit: COMMIT, machine, ...findings };
  print(result);
  if (!quick) writeResult(result);
}

function print({ groups, comparisons, lists }: Result): void {
  for (const group of groups) console.log(`\n${renderGroup(group)}`);
  if (comparisons.length > 0) console.log(`\n${renderComparisons(comparisons)}`);
  for (const { title, lines } of lists) console.log(`\n${[title, ...lines.map((line) => `  ${line}`)].join('\n')}`);
}
