import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchConformanceSuite } from './machine/conformance-suite.ts';
import { debianArchiveProblem } from './machine/debian-archive.ts';
import { ARM64_SERIES, fetchKernel, KERNEL_SERIES } from './machine/kernels.ts';
import { fetchPeer } from './machine/peers.ts';
import { runVitest } from './machine/run-vitest.ts';
import { ensureSystemPackages, type SystemPackageName } from './machine/system-packages.ts';
import { findLeftovers, readTraces, RUN_VARIABLE } from './machine/traces.ts';

// `npm test`: installs what is missing, checks style, types and generated files, runs every test, and looks for what was left behind.
// Arguments are passed to vitest; `--kernels` boots every kernel instead of two, that of arm64 too, BPFSHIP_TEST_KERNELS=6.1,7.2 those that it names.
const ROOT = join(import.meta.dirname, '..');
const PACKAGES: SystemPackageName[] = [
  'clang',
  'llvm',
  'libbpf',
  'libbpfHeaders',
  'bpftool',
  'iproute2',
  'gcc',
  'elf',
  'qemu',
  'busybox',
  'cpio',
  'xz',
  'dockerRegistry',
  'skopeo',
  'go',
  'prometheusClient',
  'util',
];

function say(line: string): void {
  console.log(`• ${line}`);
}

/** Installs and fetches; what this machine truly cannot have makes tests skip, which they say themselves. */
function prepare(kernels: readonly string[], arm64: boolean): void {
  try {
    ensureSystemPackages(arm64 ? [...PACKAGES, 'qemuArm'] : PACKAGES, say);
  } catch (error) {
    say((error as Error).message);
  }
  attempt('the OCI conformance suite', fetchConformanceSuite);
  const problem = debianArchiveProblem();
  if (problem !== undefined) {
    say(`Debian’s other suites are out of reach: ${problem}`);
    return;
  }
  for (const kernel of [...kernels, ...(arm64 ? [ARM64_SERIES] : [])])
    attempt(`kernel ${kernel}`, () => fetchKernel(kernel));
  for (const peer of ['oras', 'cosign'] as const) attempt(peer, () => fetchPeer(peer));
}

function attempt(what: string, fetch: () => unknown): void {
  const begin = performance.now();
  try {
    fetch();
    const seconds = (performance.now() - begin) / 1000;
    if (seconds > 1) say(`Fetched ${what} in ${seconds.toFixed(0)} s`);
  } catch (error) {
    say(`${what} cannot be fetched: ${(error as Error).message}`);
  }
}

/** Runs one of the checks that are not tests. @returns whether it passed. */
function check(name: string, program: string, args: string[]): boolean {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8' });
  if (status === 0) {
    say(`${name}: ok`);
    return true;
  }
  console.log(`${name} failed:\n${stdout}${stderr}`);
  return false;
}

function chooseKernels(all: boolean): readonly string[] {
  if (all) return KERNEL_SERIES;
  return (process.env['BPFSHIP_TEST_KERNELS'] ?? '5.10,6.12').split(',').filter(Boolean);
}

/** The checks that are not tests. @returns how many passed and failed. */
function runChecks(): { passed: number; failed: number } {
  const bin = join(ROOT, 'node_modules', '.bin');
  const results = [
    check('lint', join(bin, 'oxlint'), ['--type-aware']),
    check('format', join(bin, 'oxfmt'), ['--check']),
    check('types of tools and tests', join(bin, 'tsc'), ['-p', 'tools']),
    check('types of the packages’ tests', join(bin, 'tsc'), ['-p', join('tools', 'tsconfig.tests.json')]),
    check('generated files', process.execPath, [join(ROOT, 'tools', 'docs.ts'), '--check']),
  ];
  const passed = results.filter(Boolean).length;
  return { passed, failed: results.length - passed };
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const all = args.includes('--kernels');
  const kernels = chooseKernels(all);
  prepare(kernels, all);
  const checks = runChecks();
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-test-'));
  try {
    const scope = { run: randomUUID(), temporary: join(folder, 'tmp') };
    mkdirSync(scope.temporary);
    // Tests also run programs as other users, who must get to what the tests give them, as in /tmp.
    chmodSync(folder, 0o755);
    chmodSync(scope.temporary, 0o1777);
    const before = readTraces(scope);
    const counts = await runVitest({
      root: ROOT,
      args: args.filter((arg) => arg !== '--kernels'),
      folder,
      env: {
        BPFSHIP_TEST_KERNELS: kernels.join(','),
        ...(all ? { BPFSHIP_TEST_ARM64: '1' } : {}),
        TMPDIR: scope.temporary,
        [RUN_VARIABLE]: scope.run,
      },
    });
    const left = await findLeftovers(before, scope);
    for (const trace of left) console.log(`Left behind: ${trace}`);
    for (const reason of counts.reasons) console.log(`Skipped, because this machine cannot: ${reason}`);
    const undeclared = process.env['CI'] === 'true' ? counts.undeclared : [];
    for (const test of undeclared) console.log(`Skipped without a reason, which CI does not allow: ${test}`);
    const passed = counts.passed + checks.passed;
    const failed = counts.failed + checks.failed + undeclared.length + (left.length > 0 ? 1 : 0);
    console.log(`${passed} passed, ${failed} failed, ${counts.skipped - undeclared.length} skipped`);
    return failed > 0 || counts.passed === 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
