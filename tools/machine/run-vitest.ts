import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** How to run the tests. */
export interface TestRun {
  /** The repository. */
  root: string;
  /** Arguments for vitest. */
  args: readonly string[];
  /** Folder for the report. */
  folder: string;
  /** Added to the environment. */
  env: Record<string, string>;
}

/** What came of the tests. */
export interface TestCounts {
  passed: number;
  failed: number;
  skipped: number;
  /** Skipped tests whose file did not say, by `test/support/capabilities.ts`, what the machine lacks. */
  undeclared: string[];
  /** Why others were skipped. */
  reasons: string[];
}

interface Report {
  testResults: { name: string; status: string; assertionResults: { fullName: string; status: string }[] }[];
}

/** Runs vitest and reads its report. A file that does not even load counts as one failed test. */
export async function runVitest({ root, args, folder, env }: TestRun): Promise<TestCounts> {
  const report = join(folder, 'report.json');
  const skips = join(folder, 'skips.jsonl');
  const program = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(
    process.execPath,
    [program, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...env, BPFSHIP_TEST_SKIPS: skips },
    },
  );
  // An interrupt lets vitest end its tests; this process still has to look for leftovers.
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, pass);
  const status = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (code) => resolve(code ?? 1));
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, pass);
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0, undeclared: [], reasons: [] };
  return count(root, JSON.parse(readFileSync(report, 'utf8')) as Report, readDeclarations(skips), status);
}

function count(
  root: string,
  { testResults }: Report,
  declared: ReadonlyMap<string, string>,
  status: number,
): TestCounts {
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map((test) => ({ ...test, file: name })),
  );
  const of = (wanted: string): number => tests.filter((test) => test.status === wanted).length;
  const skipped = tests.filter((test) => test.status !== 'passed' && test.status !== 'failed');
  const broken = testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = of('failed') + broken;
  return {
    passed: of('passed'),
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: skipped.length,
    undeclared: skipped
      .filter(({ file }) => !declared.has(file))
      .map(({ file, fullName }) => `${relative(root, file)}: ${fullName}`),
    reasons: [...declared].map(([file, reason]) => `${relative(root, file)}: ${reason}`),
  };
}

/** File → what the machine lacks for some of its tests. */
function readDeclarations(path: string): Map<string, string> {
  if (!existsSync(path)) return new Map();
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return new Map(
    lines.map((line) => JSON.parse(line) as { file: string; reason: string }).map(({ file, reason }) => [file, reason]),
  );
}
