import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, runCli } from './support/cli.ts';
import { type PackedService, packService, succeed } from './support/packed-service.ts';

let service: PackedService;
let env: Record<string, string>;
let reference: string;
beforeAll(async () => {
  service = await packService();
  env = { ...service.env, XDG_CACHE_HOME: service.folder.file('cache'), SOURCE_DATE_EPOCH: '1700000000' };
  reference = `${service.registry.host}/acme/catalogue:latest`;
});
afterAll(() => service[Symbol.asyncDispose]());

const cli = (...args: string[]): Promise<Outcome> => runCli(args, { env });
const build = (...more: string[]): string[] => [
  'hub',
  'build',
  `${service.registry.host}/acme/probe`,
  '--key',
  service.publicKey,
  '--name',
  'acme',
  '--output',
  service.folder.file('catalogue'),
  ...more,
];
const trusted = (): string[] => ['--catalogue', reference, '--key', service.publicKey];

describe('hub', () => {
  it('builds the same catalogue twice, names what it leaves out, and pushes it', async () => {
    await succeed(['copy', service.reference, `${service.registry.host}/acme/probe:same`]);
    const first = await cli(...build('--sign-key', service.privateKey, '-j'));
    expect(first.status, first.stderr).toBe(0);
    const data = JSON.parse(first.stdout) as Record<string, unknown>;
    expect(Object.keys(data).sort()).toEqual(['digest', 'entries', 'reference', 'skipped']);
    expect(data).toMatchObject({ entries: 1, skipped: [] });
    expect((await cli(...build('--sign-key', service.privateKey, '-q'))).stdout).toBe(`${String(data['digest'])}\n`);
    await succeed(['push', `${service.folder.file('catalogue')}:latest`, reference]);
  });

  it('searches it, also without a network once it was fetched', async () => {
    expect(await cli('search', ...trusted(), '--offline')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/was not fetched yet\nSearch once without --offline\.\n$/) as string,
    });
    const found = await cli('search', 'executed', ...trusted());
    expect(found.status, found.stderr).toBe(0);
    expect(found.stdout).toMatch(/^NAME +VERSION +REPOSITORY +VARIANTS +DESCRIPTION\nprobe +0\.1\.0 +/);
    expect(await cli('search', '--hook', 'raw-tracepoint', ...trusted(), '--offline')).toEqual({
      ...found,
      stdout: found.stdout,
    });
    expect((await cli('search', '--hook', 'xdp', ...trusted(), '--offline')).stdout).toMatch(
      /^No service in the catalogue "acme"/,
    );
    const data = JSON.parse((await cli('search', ...trusted(), '--offline', '-j')).stdout) as Record<string, unknown>;
    expect(Object.keys(data)).toEqual(['catalogue', 'created', 'results']);
    expect(data).toMatchObject({
      catalogue: 'acme',
      created: '2023-11-14T22:13:20Z',
      results: [{ name: 'probe', tags: ['0.1.0', 'same'] }],
    });
    expect((await cli('search', ...trusted(), '--offline', '-q')).stdout).toMatch(
      /^127\.0\.0\.1:\d+\/acme\/probe@sha256:[a-f0-9]{64}\n$/,
    );
    expect((await cli('info', 'probe', ...trusted(), '--offline')).stdout).toMatch(
      /^probe 0\.1\.0 .*\n[^]*Signed by: /,
    );
    expect(await cli('info', 'nothing', ...trusted(), '--offline')).toMatchObject({ status: 1, stdout: '' });
  });

  it('exports one page', async () => {
    const page = service.folder.file('index.html');
    expect(await cli('hub', 'export', ...trusted(), '--offline', '--output', page, '-q')).toMatchObject({
      status: 0,
      stdout: `${page}\n`,
    });
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>[^]*probe/);
    const nowhere = await cli(
      'hub',
      'export',
      ...trusted(),
      '--offline',
      '--output',
      service.folder.file('no/such/index.html'),
    );
    expect(nowhere).toMatchObject({ status: 1, stdout: '' });
    expect(nowhere.stderr).toMatch(/cannot be written: there is no such file or folder\n/);
  });

  it('refuses a catalogue that is unsigned, or signed by another key', async () => {
    const bare = `${service.registry.host}/acme/bare-catalogue:latest`;
    await succeed(['copy', reference, bare, '--no-recursive']);
    await succeed(['generate-key-pair', '--output-key-prefix', service.folder.file('other')], env);
    // A cache that never saw the signed one: what is signed is the catalogue, wherever it was fetched from.
    const fresh = { ...env, XDG_CACHE_HOME: service.folder.file('fresh-cache') };
    const search = (catalogue: string, key: string): Promise<Outcome> =>
      runCli(['search', '--catalogue', catalogue, '--key', key], { env: fresh });
    expect(await search(bare, service.publicKey)).toMatchObject({ status: 10, stdout: '' });
    expect(await search(reference, service.folder.file('other.pub'))).toMatchObject({ status: 12, stdout: '' });
    expect(await search(service.reference, service.publicKey)).toMatchObject({ status: 1, stdout: '' });
  });

  it('leaves out what another key signed, and says so', async () => {
    const outcome = await cli(
      ...build('--tag', 'other').map((word) => (word === service.publicKey ? service.folder.file('other.pub') : word)),
    );
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toMatch(/^Warning: 127\.0\.0\.1:\d+\/acme\/probe:\S+ is left out: /);
    expect(outcome.stdout).toContain('with 0 packages');
  });

  it('refuses a cache that was tampered with', async () => {
    const cache = service.folder.file('cache/bpfship/catalogues');
    expect(existsSync(cache)).toBe(true);
    const { stdout } = spawnSync('grep', ['-rl', '"acme/\\|acme', `${cache}/blobs`], { encoding: 'utf8' });
    for (const file of stdout.split('\n').filter(Boolean)) {
      spawnSync('chmod', ['u+w', file]);
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll('probe', 'prabe'));
    }
    const outcome = await cli('search', ...trusted(), '--offline');
    expect([outcome.status, outcome.stdout]).toEqual([1, '']);
    expect(outcome.stderr).toMatch(/^Error: .*sha256/);
  });
});
