import { nodeForOthers } from '../../../test/support/node-for-others.ts';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../src/exit-codes.ts';
import { type Outcome, runCli, spawnCli } from './support/cli.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { type PackedService, packService, succeed } from './support/packed-service.ts';

/** The user that owns nothing. */
const NOBODY = 65_534;

let service: PackedService;
beforeAll(async () => {
  service = await packService();
});
afterAll(() => service[Symbol.asyncDispose]());

/** A server that is no registry. */
async function withServer(
  answer: (response: ServerResponse) => void,
  use: (host: string) => Promise<void>,
): Promise<void> {
  const server: Server = createServer((_, response) => answer(response));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => void server.close(resolve));
  }
}

/** The two lines of an error: what happened, and the next step. */
function expectError(outcome: { status: number | null; stderr: string }, status: number, message: RegExp): void {
  expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringMatching(message)]);
  expect(outcome.stderr.split('\n').length, outcome.stderr).toBeGreaterThanOrEqual(3);
}

const none = (table: Record<string, unknown> | undefined): Record<string, boolean> =>
  Object.fromEntries(Object.keys(table ?? {}).map((name) => [name, false]));

const asNobody = (args: string[], node: string): Promise<Outcome> =>
  spawnCli(args, { uid: NOBODY, node, env: { HOME: '/nonexistent' } });

describe('exit codes', () => {
  it('are told apart', () => {
    const statuses = EXIT_CODES.map(({ status }) => status);
    expect(statuses).toEqual([0, 1, 2, 4, 10, 12, 14, 20, 21, 22, 130]);
    const errors = EXIT_CODES.flatMap(({ errors: codes }) => codes);
    expect(new Set(errors).size).toBe(errors.length);
  });

  it('1: the registry is down', async () => {
    await withServer(
      () => undefined,
      async () => undefined,
    );
    expectError(await runCli(['inspect', '127.0.0.1:1/acme/probe:1']), 1, /^Error: .*127\.0\.0\.1:1/);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['a web page', (response) => response.setHeader('content-type', 'text/html').end('<html>\u001b[2Jhello')],
    [
      'a failure',
      (response) =>
        response.writeHead(500).end('{"errors":[{"code":"\u001b]0;x\u0007","message":"no\\nError: forged"}]}'),
    ],
    [
      'half an answer',
      (response) => {
        response.writeHead(200, {
          'content-length': '1000',
          'content-type': 'application/vnd.oci.image.manifest.v1+json',
        });
        response.write('{');
        response.destroy();
      },
    ],
    ['nothing', (response) => void response.destroy()],
  ])('1: the registry answers %s', async (_, answer) => {
    await withServer(answer, async (host) => {
      for (const line of [
        ['inspect', `${host}/acme/probe:1`],
        ['push', service.layout, `${host}/acme/probe:1`],
      ]) {
        const outcome = await runCli(line);
        expectError(outcome, 1, line[0] === 'inspect' ? new RegExp(`^Error: [^\n]*${host}`) : /^Error: /m);
        expect(outcome.stdout).toBe('');
        expect(outcome.stderr).not.toMatch(/[^\P{Cc}\n]|^Error: forged/mu);
      }
    });
  });

  it('1: the package is not there', async () => {
    expectError(await runCli(['inspect', `${service.registry.host}/acme/probe:9.9.9`]), 1, /^Error: .*9\.9\.9/);
    expectError(await runCli(['inspect', '--oci-layout', service.folder.file('nothing:1')]), 1, /^Error: .*nothing/);
  });

  it('10: no signature; 12: another key', async () => {
    const bare = `${service.registry.host}/acme/bare:1`;
    await succeed(['copy', service.reference, bare, '--no-recursive']);
    await succeed(['generate-key-pair', '--output-key-prefix', service.folder.file('other')], service.env);
    for (const command of ['verify', 'check', 'install', 'run']) {
      const state = command === 'install' || command === 'run' ? ['--state-dir', service.folder.file('state')] : [];
      expectError(await runCli([command, bare, '--key', service.publicKey, ...state]), 10, /^Error: .*signature/m);
      expectError(
        await runCli([command, service.reference, '--key', service.folder.file('other.pub'), ...state]),
        12,
        /^Error: /m,
      );
    }
  });

  it('20: no variant fits the kernel of the facts; the table says why', async () => {
    const facts = JSON.parse(await succeed(['info', '--facts'])) as Record<string, Record<string, unknown>>;
    const poor = {
      ...facts,
      release: '3.10.0',
      programTypes: none(facts['programTypes']),
      mapTypes: none(facts['mapTypes']),
    };
    writeFileSync(service.folder.file('poor.json'), JSON.stringify(poor));
    const outcome = await runCli(['check', service.reference, '--facts', service.folder.file('poor.json')]);
    expectError(outcome, 20, /^Error: no variant of probe 0\.1\.0 fits Linux 3\.10\.0\n/);
    expect(outcome.stdout).toContain('No variant fits this kernel.');
    const json = await runCli(['check', service.reference, '--facts', service.folder.file('poor.json'), '-j']);
    expect(JSON.parse(json.stdout)).toMatchObject({ candidates: [] });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'ERR_CLI_NO_VARIANT' } });
  });

  it('1: facts that are none', async () => {
    writeFileSync(service.folder.file('bad.json'), '{"release": 5}');
    const facts = (file: string): Promise<{ status: number | null; stderr: string }> =>
      runCli(['check', service.reference, '--facts', file]);
    expectError(await facts(service.folder.file('bad.json')), 1, /^Error: /);
    expectError(await facts('/dev/zero'), 1, /^Error: \/dev\/zero is larger than 64 MiB/);
    // Of a folder, all .json files.
    expectError(await facts(service.folder.path), 1, /bad\.json/);
    expectError(await facts(service.folder.file('none.json')), 1, /cannot be read: there is no such file/);
  });

  it.skipIf(process.getuid?.() !== 0)('21: a user without rights', async () => {
    const key = await readFile(service.publicKey, 'utf8');
    // The folder of the tests is for root only; this one is for all.
    using folder = temporaryFolder();
    await chmod(folder.path, 0o777);
    await writeFile(folder.file('acme.pub'), key);
    const state = ['--state-dir', folder.file('state')];
    const node = nodeForOthers(folder.path);
    const run = (...args: string[]): Promise<Outcome> => asNobody(args, node);
    const install = await run('install', service.reference, '--key', folder.file('acme.pub'), ...state);
    expectError(install, 21, /^Error: /m);
    expectError(await run('ps', '--state-dir', '/root/nowhere'), 21, /^Error: .*\/root\/nowhere/);
    expect(await run('ps', ...state)).toMatchObject({ status: 0, stdout: 'No service is installed.\n' });
    expect(await run('ps', '-q', ...state)).toMatchObject({ status: 0, stdout: '' });
  });
});
