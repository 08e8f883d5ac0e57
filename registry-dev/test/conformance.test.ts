import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { createRegistry, type RegistryOptions } from '../src/index.ts';
import { itNeeds } from '../../test/support/capabilities.ts';
import { fetchConformanceSuite } from '../../tools/machine/conformance-suite.ts';

// The official suite (github.com/opencontainers/distribution-spec, folder conformance) against this registry.
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'registry-conformance-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  status: number | null;
  output: string;
  /** Test name → `Pass`, `FAIL`, `Skip`, `Disabled`, of the sections `apis` and `data` of results.yaml. */
  results: Map<string, string>;
  /** Numbers of the JUnit report. */
  counts: { tests: number; failures: number; skipped: number; disabled: number };
}

async function runSuite(options: RegistryOptions, settings: Record<string, string>): Promise<Outcome> {
  await using registry = await createRegistry(options);
  const results = join(folder, 'results');
  const child = spawn(fetchConformanceSuite(), {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 240_000,
    env: {
      HOME: folder,
      OCI_REGISTRY: registry.host,
      OCI_TLS: 'disabled',
      OCI_REPO1: 'conformance/repo1',
      OCI_REPO2: 'conformance/repo2',
      OCI_RESULTS_DIR: results,
      ...settings,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { status, output, results: readResults(join(results, 'results.yaml')), counts: readCounts(results) };
}

function readResults(path: string): Map<string, string> {
  const [, sections = ''] = readFileSync(path, 'utf8').split(/^apis:$/m);
  return new Map([...sections.matchAll(/^ {2}([^:\n]+): (\w+)$/gm)].map(([, name = '', value = '']) => [name, value]));
}

function readCounts(results: string): Outcome['counts'] {
  const [head = ''] = /<testsuite .*?>/.exec(readFileSync(join(results, 'junit.xml'), 'utf8')) ?? [];
  const count = (name: string): number => Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  return {
    tests: count('tests'),
    failures: count('failures') + count('errors'),
    skipped: count('skipped'),
    disabled: count('disabled'),
  };
}

/** One result per workflow of the specification, so that a suite that ran nothing does not pass. */
const WORKFLOWS = {
  pull: ['Blob get', 'Blob get range', 'Blob head', 'Manifest get by digest', 'Manifest get by tag'],
  push: [
    'Blob chunked',
    'Blob mount',
    'Blob anonymous mount',
    'Blob post only',
    'Blob streaming',
    'Manifest put by tag',
  ],
  'content discovery': ['Tag listing', 'Referrers', 'Manifest put with subject'],
  'content management': ['Tag delete', 'Manifest delete', 'Blob delete'],
};
/** Parts that version 1.1 does not have. */
const LATER = ['Blob upload cancel', 'Manifest put with tag params', 'Tag Param', 'Tag Param sha512'];

describe('the OCI distribution conformance suite', () => {
  itNeeds('oci-conformance')('passes for version 1.1: nothing failed, nothing skipped', async () => {
    const { status, output, results, counts } = await runSuite({ root: join(folder, 'data') }, { OCI_VERSION: '1.1' });
    const others = [...results].filter(([, value]) => value !== 'Pass');
    expect(Object.fromEntries(others), output).toEqual(
      Object.fromEntries([...LATER, 'Sparse Manifests'].map((name) => [name, 'Disabled'])),
    );
    for (const [workflow, names] of Object.entries(WORKFLOWS))
      for (const name of names) expect(results.get(name), `${workflow}: ${name}`).toBe('Pass');
    // What 1.1 does not have counts as disabled, once per digest algorithm.
    expect(counts).toMatchObject({ failures: 0, skipped: 0 });
    expect(counts.tests).toBeGreaterThan(800);
    expect(status, output).toBe(0);
  });

  // Sparse manifests are the one thing that a registry may refuse, as this one does without the switch.
  itNeeds('oci-conformance')('passes for the next version with everything on, in memory and with tokens', async () => {
    const options: RegistryOptions = {
      auth: { scheme: 'bearer', users: { tester: 'secret' } },
      behaviour: { incompleteManifests: true },
    };
    const { status, output, results, counts } = await runSuite(options, {
      OCI_VERSION: 'dev',
      OCI_DATA_SPARSE: 'true',
      OCI_USERNAME: 'tester',
      OCI_PASSWORD: 'secret',
    });
    expect(
      [...results].filter(([, value]) => value !== 'Pass'),
      output,
    ).toEqual([]);
    expect(results.size).toBeGreaterThan(45);
    expect(counts).toMatchObject({ failures: 0, skipped: 0, disabled: 0 });
    expect(status, output).toBe(0);
  });
});
