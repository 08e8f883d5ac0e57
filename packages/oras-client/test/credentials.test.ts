import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry } from '@bpfship/registry-dev';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { credentialFiles, dockerCredentials, login, logout } from '../src/index.ts';
import { changeConfigFile } from '../src/credentials/config-file.ts';
import { callCredentialHelper } from '../src/credentials/helper.ts';
import { against } from './support/http.ts';
import { errorOf } from './support/list.ts';

let folder: string;
let env: Record<string, string>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credentials-'));
  env = {
    HOME: join(folder, 'home'),
    XDG_RUNTIME_DIR: join(folder, 'run'),
    PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
  };
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function write(path: string, content: unknown): Promise<string> {
  const file = join(folder, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

async function writeHelper(name: string, script: string): Promise<void> {
  await chmod(await write(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`), 0o755);
}

const basic = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') });

describe('finding credentials', () => {
  it('looks through docker’s and podman’s files in turn; a file without the registry hides nothing', async () => {
    await write('home/.docker/config.json', { auths: { 'one.example': basic('a:1') } });
    const podman = await write('run/containers/auth.json', { auths: { 'two.example': basic('b:2:3') } });
    env['REGISTRY_AUTH_FILE'] = await write('auth.json', {});
    await write('home/.config/containers/auth.json', { auths: { 'one.example': basic('c:3') } });
    const source = dockerCredentials({ env });
    expect(credentialFiles({ env })).toHaveLength(5);
    expect(await source.find('one.example')).toMatchObject({ credential: { username: 'a', password: '1' } });
    expect(await source.find('two.example')).toEqual({
      credential: { username: 'b', password: '2:3' },
      source: podman,
    });
    expect(await source.find('three.example')).toBeUndefined();
  });

  it('takes the entry for the narrowest part of a registry', async () => {
    await write('home/.docker/config.json', {
      auths: { 'r.example': basic('all:x'), 'r.example/acme': basic('acme:x'), 'r.example/acme/tool': basic('tool:x') },
    });
    const source = dockerCredentials({ env });
    const name = async (repository?: string): Promise<unknown> =>
      (await source.find('r.example', repository))?.credential.username;
    expect(await name('acme/tool')).toBe('tool');
    expect(await name('acme/other')).toBe('acme');
    expect(await name('acme-2/tool')).toBe('all');
    expect(await name()).toBe('all');
  });

  it.each([
    ['auth without padding', { auth: 'dTpw' }, { username: 'u', password: 'p' }],
    ['auth with NUL', { auth: Buffer.from('u:p\0').toString('base64') }, { username: 'u', password: 'p' }],
    ['user and password', { username: 'u', password: 'p' }, { username: 'u', password: 'p' }],
    ['identity token', { ...basic('u:'), identitytoken: 't' }, { username: 'u', password: '', refreshToken: 't' }],
    ['registry token', { registrytoken: 't' }, { accessToken: 't' }],
  ])('reads %s', async (_what, entry, credential) => {
    const configFile = await write('c.json', { auths: { 'https://r.example/v2/': entry } });
    expect((await dockerCredentials({ configFile, env }).find('r.example'))?.credential).toEqual(credential);
  });

  it('knows Docker Hub’s key, and the text that CI services give', async () => {
    env['DOCKER_AUTH_CONFIG'] = JSON.stringify({ auths: { 'https://index.docker.io/v1/': basic('hub:x') } });
    expect(await dockerCredentials({ env }).find('docker.io')).toMatchObject({ source: 'DOCKER_AUTH_CONFIG' });
  });

  it.each(['{"auths": {"r.example": {"auth": "c2VjcmV0LXBhc3N3b3Jk', '[]', '"secret-password"'])(
    'refuses a file that is no config without quoting it: %s',
    async (text) => {
      const configFile = await write('c.json', text);
      const error = await errorOf(() => dockerCredentials({ configFile, env }).find('r.example'));
      expect(error).toMatchObject({ code: 'ERR_OCI_CREDENTIALS', message: expect.stringMatching(/c\.json/) });
      expect(`${String(error)}${String((error as Error).cause)}`).not.toMatch(/c2Vj|secret-password/);
    },
  );
});

describe('credential helpers', () => {
  it('are asked for the host; the user <token> is an identity token', async () => {
    await writeHelper('a', 'read host; printf \'{"Username":"u","Secret":"%s-%s"}\' "$1" "$host"');
    await writeHelper('b', 'echo \'{"Username":"<token>","Secret":"t"}\'');
    const configFile = await write('c.json', { credHelpers: { 'r.example': 'a' }, credsStore: 'b' });
    const source = dockerCredentials({ configFile, env });
    expect((await source.find('r.example'))?.credential).toEqual({ username: 'u', password: 'get-r.example' });
    expect((await source.find('s.example'))?.credential).toEqual({ refreshToken: 't' });
  });

  it('that have nothing leave the entries of the file', async () => {
    await writeHelper('none', 'echo credentials not found in native keychain; exit 1');
    const configFile = await write('c.json', { credsStore: 'none', auths: { 'r.example': basic('u:p') } });
    expect((await dockerCredentials({ configFile, env }).find('r.example'))?.credential.username).toBe('u');
    expect(await dockerCredentials({ configFile, env }).find('s.example')).toBeUndefined();
  });

  it.each([
    ['missing', '', /is not on PATH/],
    ['failing', 'echo cannot open the keychain >&2; exit 3', /cannot open the keychain/],
    ['chatty', 'echo \'{"Username":"u","Secret":"secret-password"}\'; exit 1', /status 1/],
    ['garbage', 'echo secret-password', /did not answer with JSON/],
    ['endless', 'yes secret-password', /more than 65536 characters/],
  ])('%s: the error names the program and no secret', async (name, script, message) => {
    if (script) await writeHelper(name, script);
    const error = await errorOf(() => callCredentialHelper(name, 'get', 'r.example', env));
    expect(error).toMatchObject({ code: 'ERR_OCI_CREDENTIALS', message: expect.stringMatching(message) });
    expect(String(error)).toContain(`docker-credential-${name}`);
    expect(String(error)).not.toContain('secret-password');
  });

  it('that hang are given up', async () => {
    await writeHelper('slow', 'exec sleep 600');
    const call = callCredentialHelper('slow', 'get', 'r.example', env, 100);
    await expect(call).rejects.toMatchObject({
      code: 'ERR_OCI_CREDENTIALS',
      message: expect.stringMatching(/0\.1 seconds/),
    });
  });

  it.each(['../../bin/sh', 'a b', ''])('with the name %j are not started', async (name) => {
    await expect(callCredentialHelper(name, 'get', 'x', env)).rejects.toMatchObject({ code: 'ERR_OCI_CREDENTIALS' });
  });
});

describe('login and logout', () => {
  it('stores what the registry accepts, for the owner only, and keeps everything else of the file', async () => {
    await using registry = await createRegistry({ root: join(folder, 'registry'), users: { u: 'secret-password' } });
    const file = await write('real.json', { auths: { other: basic('o:o') }, HttpHeaders: { a: 'b' }, 新: [1] });
    const configFile = join(folder, 'link.json');
    await symlink(file, configFile);
    await login(registry.host, { username: 'u', password: 'secret-password' }, { configFile, env });
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      auths: { other: basic('o:o'), [registry.host]: basic('u:secret-password') },
      HttpHeaders: { a: 'b' },
      新: [1],
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await logout(registry.host, { configFile, env })).toEqual({ removedFrom: [configFile] });
    expect(JSON.parse(await readFile(configFile, 'utf8'))).toEqual({
      auths: { other: basic('o:o') },
      HttpHeaders: { a: 'b' },
      新: [1],
    });
    expect(await logout(registry.host, { configFile, env })).toEqual({ removedFrom: [] });
  });

  it('stores nothing that the registry refuses, and nothing without a name', async () => {
    await using registry = await createRegistry({ root: join(folder, 'registry'), users: { u: 'right' } });
    const configFile = join(folder, 'c.json');
    const error = await errorOf(() =>
      login(registry.host, { username: 'u', password: 'secret-password' }, { configFile, env }),
    );
    expect(error).toMatchObject({ code: 'ERR_OCI_UNAUTHORIZED', registry: registry.host, status: 401 });
    expect(String(error)).not.toContain('secret-password');
    await expect(login(registry.host, { password: 'p' }, { configFile, env })).rejects.toMatchObject({
      code: 'ERR_OCI_CREDENTIALS',
    });
    await expect(stat(configFile)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('gives the credential to the helper that the file names', async () => {
    await using registry = await createRegistry({ root: join(folder, 'registry'), users: { u: 'p' } });
    const kept = join(folder, 'kept');
    await writeHelper('keep', `case $1 in store) cat > ${kept};; get) cat ${kept};; erase) rm ${kept};; esac`);
    const configFile = await write('c.json', { credsStore: 'keep' });
    expect(await login(registry.host, { username: 'u', password: 'p' }, { configFile, env })).toEqual({
      storedIn: 'docker-credential-keep',
      plainText: false,
    });
    expect(JSON.parse(await readFile(kept, 'utf8'))).toEqual({ ServerURL: registry.host, Username: 'u', Secret: 'p' });
    expect(JSON.parse(await readFile(configFile, 'utf8'))).toEqual({ credsStore: 'keep' });
    expect(await logout(registry.host, { configFile, env })).toEqual({ removedFrom: ['docker-credential-keep'] });
    await expect(stat(kept)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('loses nothing of changes at the same time, and leaves no lock', async () => {
    const file = join(folder, 'many', 'config.json');
    const add = (name: string): Promise<void> =>
      changeConfigFile(file, (config) => ({ ...config, auths: { ...config.auths, [name]: basic('a:1') } }));
    await Promise.all(Array.from({ length: 8 }, (_, i) => add(`r${i}.example`)));
    const { auths } = JSON.parse(await readFile(file, 'utf8')) as { auths: object };
    expect(Object.keys(auths)).toHaveLength(8);
    expect(await readdir(join(folder, 'many'))).toEqual(['config.json']);
  });

  it('says where a credential still is that it does not remove', async () => {
    const podman = await write('run/containers/auth.json', { auths: { 'r.example': basic('a:1') } });
    await write('home/.docker/config.json', { auths: { 'r.example': basic('a:1') } });
    expect(await logout('r.example', { env })).toEqual({
      removedFrom: [join(folder, 'home/.docker/config.json')],
      stillIn: podman,
    });
  });

  it('does not write into a Kubernetes Secret', async () => {
    await using registry = await createRegistry({ root: join(folder, 'registry') });
    const secret = { apiVersion: 'v1', kind: 'Secret', data: {} };
    const configFile = await write('secret.json', secret);
    for (const call of [
      () => login(registry.host, { username: 'u', password: 'p' }, { configFile, env }),
      () => logout(registry.host, { configFile, env }),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'ERR_OCI_CREDENTIALS',
        message: expect.stringMatching(/Kubernetes/),
      });
    }
    expect(JSON.parse(await readFile(configFile, 'utf8'))).toEqual(secret);
  });
});

describe('keys of auths', () => {
  it.each([
    ['https://r.example/v2', 'r.example', 'x', true],
    ['R.example', 'r.example', 'x', true],
    ['https://r.example:5000', 'r.example:5000', 'x', true],
    ['docker.io/acme', 'docker.io', 'acme/x', true],
    ['*.example', 'r.example', 'x', true],
    ['*r.exam*', 'r.example', 'x', true],
    ['*.example/acme', 'r.example', 'acme/x', true],
    ['r.example/acme', 'r.example', undefined, false],
    ['*.example', 'a.r.example', 'x', false],
    ['*.example/acme', 'r.example', 'acme2/x', false],
    ['r.example:5000', 'r.example', 'x', false],
    ['r.example.evil', 'r.example', 'x', false],
  ])('%s for %s and the repository %s: %s', async (key, registry, repository, expected) => {
    await write('home/.docker/config.json', { auths: { [key]: basic('a:1') } });
    expect((await dockerCredentials({ env }).find(registry, repository)) !== undefined).toBe(expected);
  });

  it('without anything in them leave the next form, and docker’s old file is read last', async () => {
    await write('home/.docker/config.json', { auths: { 'r.example': {}, 'https://r.example/v1/': basic('a:1') } });
    await write('home/.dockercfg', { 'old.example': basic('b:2') });
    const source = dockerCredentials({ env });
    expect(await source.find('r.example')).toMatchObject({ credential: { username: 'a' } });
    expect(await source.find('old.example')).toMatchObject({ credential: { username: 'b' } });
  });
});

const encoded = (auths: unknown): string => Buffer.from(JSON.stringify({ auths })).toString('base64');
const yaml = (name: string, data: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata:\n  name: ${name}\ntype: kubernetes.io/dockerconfigjson\n${data}\n`;

describe('a Kubernetes pull secret', () => {
  it.each([
    ['YAML', yaml('one', `data:\n  .dockerconfigjson: ${encoded({ 'r.example': basic('a:1') })}`)],
    [
      'YAML as text',
      yaml('one', `stringData:\n  .dockerconfigjson: '${JSON.stringify({ auths: { 'r.example': basic('a:1') } })}'`),
    ],
    [
      'several documents',
      `apiVersion: v1\nkind: ServiceAccount\n---\n${yaml('one', `data:\n  .dockerconfigjson: ${encoded({ 'r.example': basic('a:1') })}`)}---\n${yaml('two', `data:\n  .dockerconfigjson: ${encoded({ 'r.example': basic('b:2') })}`)}`,
    ],
    [
      'a list in JSON',
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'List',
        items: [
          {
            kind: 'Secret',
            data: { '.dockercfg': Buffer.from(JSON.stringify({ 'r.example': basic('a:1') })).toString('base64') },
          },
        ],
      }),
    ],
    ['what is mounted of it', JSON.stringify({ auths: { 'r.example': basic('a:1') } })],
  ])('is read from %s', async (_what, text) => {
    const configFile = await write('secret', text);
    expect(await dockerCredentials({ configFile, env }).find('r.example')).toEqual({
      credential: { username: 'a', password: '1' },
      source: configFile,
    });
  });

  it.each([
    ['broken YAML', 'kind: Secret\n  data: [hidden-word'],
    ['no pull secret', 'apiVersion: v1\nkind: Secret\ndata: {other: aGlkZGVuLXdvcmQ=}'],
    ['a config that is not JSON', yaml('one', 'stringData:\n  .dockerconfigjson: hidden-word')],
    [
      'aliases without end',
      `kind: Secret\na: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
        .split('')
        .map((c, i) => `${c}: &${c} [${`*${'abcdefg'[i]},`.repeat(9)}]`)
        .join('\n')}`,
    ],
  ])('with %s is a typed error, which does not show it', async (_what, text) => {
    const configFile = await write('secret.yaml', text);
    const error = await errorOf(() => dockerCredentials({ configFile, env }).find('r.example'));
    expect(error).toMatchObject({ code: 'ERR_OCI_CREDENTIALS', message: expect.stringContaining(configFile) });
    expect(String(error)).not.toContain('hidden-word');
  });
});

describe('what a registry’s refusal says of credentials', () => {
  it('is where they were looked for, and under sudo whose files those are', async () => {
    const refusing = await against((_request, response) => response.writeHead(401).end(), {
      credentials: dockerCredentials({ env: { ...env, SUDO_USER: 'alice', SUDO_HOME: '/home/alice' } }),
    });
    const error = (await errorOf(() => refusing.fetchReference('1'))) as Error;
    expect(error.message).toContain(join(folder, 'home/.docker/config.json'));
    expect(error.message).toContain('not those of alice');
    expect(error.message).toContain('/home/alice/.docker/config.json');
  });

  it('is nothing of sudo where both have the same files', async () => {
    const home = join(folder, 'home');
    const source = dockerCredentials({ env: { ...env, SUDO_USER: 'alice', SUDO_HOME: home } });
    expect(await source.explain?.(true)).toBeUndefined();
  });
});
