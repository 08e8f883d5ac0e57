import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { fetchConformanceSuite } from '../../tools/machine/conformance-suite.ts';
import { debianArchiveProblem } from '../../tools/machine/debian-archive.ts';
import { buildDistribution } from '../../tools/machine/peers.ts';
import { hasCommand } from '../../tools/machine/system-packages.ts';

/** What a machine may lack. */
export type Capability =
  | 'root'
  | 'bpf'
  | 'netns'
  | 'qemu'
  | 'qemu-arm64'
  | 'debian-archive'
  | 'docker-registry'
  | 'skopeo'
  | 'distribution'
  | 'oci-conformance';

/** Why something cannot be fetched or built. */
function problemOf(make: () => string): string | undefined {
  try {
    make();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const isRoot = (): boolean => process.getuid?.() === 0;

const PROBLEMS: Record<Capability, () => string | undefined> = {
  root: () => (isRoot() ? undefined : 'this is not root'),
  bpf: () =>
    existsSync('/sys/kernel/btf/vmlinux') && isRoot() ? undefined : 'programs cannot be loaded into this kernel',
  netns: () =>
    spawnSync('unshare', ['--net', 'true']).status === 0 ? undefined : 'network namespaces cannot be made here',
  qemu: () => {
    if (process.arch !== 'x64') return 'the guests are for amd64';
    return hasCommand('qemu-system-x86_64') && hasCommand('busybox') && hasCommand('cpio')
      ? undefined
      : 'qemu, busybox or cpio is not installed';
  },
  'qemu-arm64': () => {
    const missing = ['qemu-system-aarch64', 'busybox', 'cpio', 'npm'].filter((name) => !hasCommand(name));
    return missing.length > 0 ? `not installed: ${missing.join(', ')}` : undefined;
  },
  'debian-archive': () => debianArchiveProblem(),
  skopeo: () => (hasCommand('skopeo') ? undefined : 'skopeo is not installed'),
  distribution: () => problemOf(buildDistribution),
  'oci-conformance': () => problemOf(fetchConformanceSuite),
  'docker-registry': () => (hasCommand('docker-registry') ? undefined : 'docker-registry is not installed'),
};

/**
 * Whether the machine lacks something: for `describe.skipIf(lacks('root'))`. Says loudly what it is, and declares it to `npm test`,
 * which in CI counts a skipped test as failed unless its file declared the reason.
 */
export function lacks(...capabilities: Capability[]): boolean {
  const problems = capabilities.map((capability) => PROBLEMS[capability]()).filter((problem) => problem !== undefined);
  if (problems.length === 0) return false;
  declareSkip(problems.join('; '));
  return true;
}

/** Says loudly why a test skips, and declares it to `npm test`. For what shows only while a test runs. */
export function declareSkip(reason: string): void {
  const file = expect.getState().testPath ?? '';
  process.stderr.write(`\nSKIPPED ${file}: ${reason}\n`);
  const declarations = process.env['BPFSHIP_TEST_SKIPS'];
  if (declarations !== undefined) appendFileSync(declarations, `${JSON.stringify({ file, reason })}\n`);
}

/** Like vitest's `it`, for tests that need something of the machine; where it is missing they skip. */
export function itNeeds(...capabilities: Capability[]): typeof it | typeof it.skip {
  return lacks(...capabilities) ? it.skip : it;
}
