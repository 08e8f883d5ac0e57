import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Findings } from '../benchmarks/benchmark.ts';
import { BENCHMARKS } from '../benchmarks/index.ts';
import { renderPage } from '../report/page.ts';
import { readResults, writePage, writeResult } from '../report/result.ts';
import { renderGroup } from '../report/table.ts';
import { describeCommit, describeMachine } from '../support/machine.ts';
import { runProcess } from '../support/run-process.ts';
import { summarize } from '../support/statistics.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { SOAKS } from './all.ts';
import { FUNCTIONS, soakFunctions } from './functions.ts';
import type { SoakKind } from './kinds.ts';
import type { SoakFindings } from './soak.ts';
import { soakThroughFaults } from './transfers.ts';

const NAMES: readonly string[] = SOAKS.map(({ name }) => name);
const USAGE = `Usage: npm run soak -- [options] [name...]

Upgrades a service again and again under load, and proves that every event passed exactly one generation; needs root. And moves
artifacts through faults.

Names (default: all):
${SOAKS.map(({ name, upgrades, question }) => `  ${name.padEnd(15)} ${question} (${upgrades} times)`).join('\n')}

Options:
  --upgrades <n>  upgrades in a row, or transfers
  --rate <n>      events a second; 0: as many as one processor makes
  --quick         50 upgrades, nothing is written
  --help          prints this text
`;

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort());

/** Findings as they come from the process that soaked. */
interface Soaked extends Omit<SoakFindings, 'callTimes'> {
  callTimes: Record<string, number[]>;
  /** Milliseconds of the system calls alone, by the names of bpf(2)'s commands. */
  systemCalls: Record<string, number[]>;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = interrupt.signal.aborted ? 130 : 1;
  console.error(`Error: ${error instanceof Error ? error.message : String(error)}`);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      upgrades: { type: 'string' },
      rate: { type: 'string' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const unknown = positionals.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) {
    console.error(`Error: there is no soak "${unknown.join('", "')}"\nThere are: ${NAMES.join(', ')}`);
    return 2;
  }
  let wrong = 0;
  for (const kind of SOAKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
    const upgrades = Number(values.upgrades ?? (values.quick ? 50 : kind.upgrades));
    console.log(`\n${kind.name}: ${kind.question}`);
    const machine = describeMachine();
    const { findings, isRight } = await soakKind(kind, upgrades, values.rate);
    for (const group of findings.groups) console.log(`\n${renderGroup(group)}`);
    for (const { title, lines } of findings.lists)
      console.log(`\n${[title, ...lines.map((line) => `  ${line}`)].join('\n')}`);
    if (!isRight) wrong += 1;
    if (values.quick) continue;
    const date = new Date().toISOString().slice(0, 10);
    const name = `soak-${kind.name}`;
    writeResult({
      schemaVersion: 1,
      name,
      question: kind.question,
      date,
      commit: describeCommit(),
      machine,
      ...findings,
    });
  }
  if (!values.quick)
    writePage(renderPage(readResults([...BENCHMARKS.map(({ name }) => name), ...NAMES.map((name) => `soak-${name}`)])));
  return wrong === 0 ? 0 : 1;
}

function soakKind(
  kind: (typeof SOAKS)[number],
  times: number,
  rate: string | undefined,
): Promise<{ findings: Findings; isRight: boolean }> {
  if (kind === FUNCTIONS) return soakFunctions(times);
  if ('rate' in kind) return soakHere(kind, times, Number(rate ?? kind.rate));
  return soakThroughFaults(times, interrupt.signal);
}

async function soakHere(
  kind: SoakKind,
  upgrades: number,
  rate: number,
): Promise<{ findings: Findings; isRight: boolean }> {
  const soaked = await soakOnce(kind, upgrades, rate);
  return { findings: findingsOf(kind, soaked), isRight: exactlyOnce(soaked) };
}

async function soakOnce({ name }: SoakKind, upgrades: number, rate: number): Promise<Soaked> {
  await using stack = new AsyncDisposableStack();
  const times = join(await makeTemporaryFolder(stack, `soak-times-${name}`), 'times');
  const { stdout } = await runProcess({
    command: [
      process.execPath,
      '--import',
      join(import.meta.dirname, 'time-calls.ts'),
      join(import.meta.dirname, 'one.ts'),
      name,
      String(upgrades),
      String(rate),
    ],
    env: { BPFSHIP_CALL_TIMES: times },
    signal: interrupt.signal,
  });
  const systemCalls: Record<string, number[]> = {};
  for (const line of readFileSync(times, 'utf8').split('\n').filter(Boolean)) {
    const [call = '', milliseconds = ''] = line.split(' ');
    (systemCalls[call] ??= []).push(Number(milliseconds));
  }
  return { ...(JSON.parse(stdout) as Omit<Soaked, 'systemCalls'>), systemCalls };
}

function exactlyOnce({ seen, made }: Soaked): boolean {
  return seen.lost === 0 && seen.doubled === 0 && seen.once === made;
}

function findingsOf({ switchedBy }: SoakKind, soaked: Soaked): Findings {
  const { upgrades, seconds, made, seen, byVersion, switched, upgradeTimes, callTimes, systemCalls } = soaked;
  const calls = callTimes[switchedBy] ?? [];
  // A link's update makes one such system call; MAP_UPDATE_ELEM fills slots too.
  const own = switchedBy === 'updateLink' ? (systemCalls['LINK_UPDATE'] ?? []) : [];
  const paired = calls.length === own.length;
  const series = [
    summarize('a whole upgrade', 'ms', upgradeTimes),
    ...(calls.length > 0 ? [summarize(`the switch (${switchedBy}), as the shim’s own loop sees it`, 'ms', calls)] : []),
    ...(own.length > 0 ? [summarize('of that, the kernel’s own call', 'ms', own)] : []),
    ...(paired && calls.length > 0
      ? [
          summarize(
            'of that, the shim’s part',
            'ms',
            calls.map((call, i) => call - (own[i] ?? 0)),
          ),
        ]
      : []),
  ];
  return {
    method: [
      'One process upgrades a service to and fro between two versions, from packages in its memory, while another makes numbered events. Every program holds each number against the last one, in a map that all generations share.',
      '“Once” counts numbers that came when they were due, “lost” those that never came, “doubled” those that came again; “even” and “odd” tell by which version’s program events were seen.',
      'The kernel’s own call is bpf(2), timed in the worker; the shim’s part is what remains of the call that the shim’s loop waited for: the way to the worker and back, opening the pin, closing it.',
    ],
    peers: {},
    groups: [{ title: `${upgrades} upgrades under load`, series }],
    comparisons: [],
    lists: [
      {
        title: exactlyOnce(soaked)
          ? 'Every event passed exactly one generation'
          : 'NOT every event passed exactly one generation',
        lines: [
          `${made} events were made in ${seconds.toFixed(1)} s, ${Math.round(made / seconds)} a second`,
          `${seen.once} once, ${seen.lost} lost, ${seen.doubled} doubled`,
          `${byVersion[0]} by even generations, ${byVersion[1]} by odd ones`,
          `switched ${Object.entries(switched)
            .map(([how, count]) => `${how}: ${count}`)
            .join(', ')}`,
        ],
      },
    ],
    counts: { upgrades, seconds, made, once: seen.once, lost: seen.lost, doubled: seen.doubled },
  };
}
