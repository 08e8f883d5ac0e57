import { existsSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import { type Outcome, spawnCli } from './support/cli.ts';
import { temporaryFolder, type TemporaryFolder } from './support/temporary-folder.ts';

const SECRET = 'Tr0ub4dor&3-not-in-any-output';

let folder: TemporaryFolder;
let registry: Registry;
beforeAll(async () => {
  folder = temporaryFolder();
  registry = await createRegistry({ root: folder.file('registry'), users: { acme: SECRET } });
});
afterAll(async () => {
  await registry.close();
  folder[Symbol.dispose]();
});

/** Runs a command; its output holds the secret in no form. */
async function cli(args: string[], input = ''): Promise<Outcome> {
  const outcome = await spawnCli(args, { input, env: { DOCKER_CONFIG: folder.file('docker'), HOME: folder.path } });
  for (const secret of [SECRET, Buffer.from(`acme:${SECRET}`).toString('base64')]) {
    expect(outcome.stdout + outcome.stderr).not.toContain(secret);
  }
  return outcome;
}

describe('login and logout', () => {
  it('store a credential for all commands, and remove it', async () => {
    const reference = `${registry.host}/acme/probe:1`;
    const before = await cli(['inspect', reference]);
    expect(before).toMatchObject({ status: 4, stdout: '' });
    expect(before.stderr).toContain(`bpfship login ${registry.host}`);

    const login = ['login', registry.host, '--username', 'acme', '--password-stdin'];
    expect(await cli(login, 'wrong')).toMatchObject({ status: 4, stdout: '' });
    expect(existsSync(folder.file('docker/config.json'))).toBe(false);
    expect(await cli([...login, '-j', '--debug'], `${SECRET}\n`)).toMatchObject({ status: 0, stderr: '' });
    expect(statSync(folder.file('docker/config.json')).mode & 0o777).toBe(0o600);
    const stored = JSON.parse(readFileSync(folder.file('docker/config.json'), 'utf8')) as {
      auths: Record<string, { auth: string }>;
    };
    expect(Buffer.from(stored.auths[registry.host]?.auth ?? '', 'base64').toString()).toBe(`acme:${SECRET}`);

    // Let in now: the package is not there, which only those who are let in learn.
    expect(await cli(['inspect', reference, '--debug'])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^Error: .*acme\/probe/) as string,
    });
    expect(await cli(['logout', registry.host, '-q'])).toEqual({ status: 0, stdout: `${registry.host}\n`, stderr: '' });
    expect(await cli(['inspect', reference])).toMatchObject({ status: 4 });
    expect(await cli(['logout', registry.host])).toMatchObject({
      status: 0,
      stdout: `There were no credentials of ${registry.host}\n`,
    });
  });

  it('use another file where one is named', async () => {
    const file = folder.file('auth.json');
    expect(
      await cli(['login', registry.host, '-u', 'acme', '--password-stdin', '--registry-config', file], SECRET),
    ).toMatchObject({ status: 0 });
    const missing = ['inspect', `${registry.host}/acme/probe:1`];
    expect(await cli([...missing, '--registry-config', file])).toMatchObject({ status: 1 });
    expect(await cli(missing)).toMatchObject({ status: 4 });
  });

  it('a password on standard input is for one command', async () => {
    const once = ['inspect', `${registry.host}/acme/probe:1`, '--username', 'acme', '--password-stdin', '--debug'];
    expect(await cli(once, SECRET)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^Error: .*acme\/probe/) as string,
    });
    const refused = await cli([...once, '-j'], 'wrong');
    expect(refused).toMatchObject({ status: 4, stdout: '' });
    const { error } = JSON.parse(refused.stderr) as { error: Record<string, unknown> };
    expect([error['code'], typeof error['message'], typeof error['hint']]).toEqual([
      'ERR_OCI_UNAUTHORIZED',
      'string',
      'string',
    ]);
  });
});

describe('identity tokens', () => {
  it('are verified before they are stored, and need nothing beside them', async () => {
    const file = folder.file('tokens.json');
    const login = ['login', registry.host, '--registry-config', file];
    const refused = await cli([...login, '--identity-token-stdin'], SECRET);
    expect(refused).toMatchObject({ status: 4, stdout: '' });
    expect(existsSync(file)).toBe(false);
    const shown = await cli([...login, '--identity-token', 'a-token']);
    expect(shown).toMatchObject({ status: 4, stdout: '' });
    expect(shown.stderr).toContain('Warning: --identity-token shows the token');
    for (const more of [['-u', 'acme'], ['--password-stdin'], ['--identity-token', 'x']])
      expect(await cli([...login, '--identity-token-stdin', ...more], SECRET)).toMatchObject({ status: 2, stdout: '' });
  });

  it('are stored as docker stores them', async () => {
    const open = await createRegistry({ root: folder.file('open') });
    try {
      const file = folder.file('open.json');
      const login = ['login', open.host, '--identity-token-stdin', '--registry-config', file];
      expect(await cli(login, `${SECRET}\n`)).toMatchObject({ status: 0 });
      const stored = JSON.parse(readFileSync(file, 'utf8')) as { auths: Record<string, { identitytoken: string }> };
      expect(stored.auths[open.host]?.identitytoken).toBe(SECRET);
    } finally {
      await open.close();
    }
  });
});

describe('headers', () => {
  it('go to the registry; what is none is not repeated', async () => {
    const seen: unknown[] = [];
    const open = await createRegistry({
      root: folder.file('headers'),
      intercept: ({ headers }) => (seen.push(headers['x-trace']), false),
    });
    try {
      const resolve = ['resolve', `${open.host}/a/b:1`];
      expect(await cli([...resolve, '-H', 'X-Trace: 7'])).toMatchObject({ status: 1 });
      expect(new Set(seen)).toEqual(new Set(['7']));
      for (const wrong of ['none', 'a b: c', `x: ${SECRET}\r\ny: z`]) {
        expect(await cli([...resolve, '--header', wrong])).toMatchObject({ status: 2, stdout: '' });
      }
    } finally {
      await open.close();
    }
  });
});

describe('copy with a password', () => {
  it('sends it to the destination only', async () => {
    const seen: (string | undefined)[] = [];
    const source = await createRegistry({
      root: folder.file('source'),
      intercept: ({ headers }) => (seen.push(headers.authorization), false),
    });
    try {
      await cli(['copy', `${source.host}/a/b:1`, `${registry.host}/a/b:1`, '-u', 'acme', '--password-stdin'], SECRET);
    } finally {
      await source.close();
    }
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter(Boolean)).toEqual([]);
  });
});
