import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  copy,
  type Credential,
  type CredentialSource,
  type Descriptor,
  digestOf,
  fetchBytes,
  MemoryStore,
  packManifest,
  pushBytes,
  type Repository,
  type RequestEvent,
  staticCredential,
} from '../src/index.ts';
import { type RunningRegistry, startDockerRegistry } from './docker-registry.ts';
import { against, anonymous, repositoryAt, serve, user } from './support/http.ts';
import { errorOf } from './support/list.ts';
import { makeCertificate, type SeenRequest, tokenServer } from './support/token-server.ts';

let folder: string;
let registry: RunningRegistry | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'auth-'));
});

afterEach(async () => {
  await registry?.close();
  registry = undefined;
  await rm(folder, { recursive: true, force: true });
});

function open(credential?: Credential): Repository {
  return repositoryAt(registry?.host ?? '', credential ? { credentials: staticCredential(credential) } : {});
}

async function sample(blobs: number): Promise<{ source: MemoryStore; root: Descriptor; layers: Descriptor[] }> {
  const source = new MemoryStore();
  const layers: Descriptor[] = [];
  for (let i = 0; i < blobs; i++)
    layers.push(await pushBytes(source, 'application/octet-stream', Buffer.from(`blob ${i}`)));
  const root = await packManifest(source, { artifactType: 'application/vnd.example.v1', layers });
  await source.tag(root, 'v1');
  return { source, root, layers };
}

describe('docker-registry with a password file', () => {
  // bcrypt of "secret-password".
  const HASH = '$2y$04$abcdefghijklmnopqrstuuq8DwlpszTVmH1ckl/VPV38Vwtq3col2';

  it('is answered by Basic, after one refusal only', async () => {
    const file = join(folder, 'htpasswd');
    await writeFile(file, `u:${HASH}\n`);
    registry = await startDockerRegistry(`{htpasswd: {realm: r, path: ${file}}}`);
    const events: RequestEvent[] = [];
    const repository = repositoryAt(registry.host, { credentials: user, onRequest: (event) => events.push(event) });
    const { source, root } = await sample(2);
    await copy(source, 'v1', repository, 'v1');
    expect((await repository.fetchReference('v1')).descriptor.digest).toBe(root.digest);
    // The transfers that began together were all refused; afterwards the way is known.
    const refused = events.findLastIndex(({ status }) => status === 401);
    expect(refused).toBeLessThan(6);
    const stranger = repositoryAt(registry.host, { credentials: anonymous });
    await expect(stranger.resolve('v1')).rejects.toMatchObject({
      code: 'ERR_OCI_UNAUTHORIZED',
      message: expect.stringMatching(/credentials: none \(anonymous\)/),
      hint: expect.stringMatching(/bpfship login 127\.0\.0\.1/),
    });
  });
});

describe('docker-registry with a token service', () => {
  let seen: SeenRequest[];
  let life = 300;

  beforeEach(async () => {
    life = 300;
    const files = makeCertificate(folder);
    const service = tokenServer(files, { lifeSeconds: () => life });
    seen = service.seen;
    const host = await serve(service.listener);
    registry = await startDockerRegistry(
      `{token: {realm: "http://${host}/token", service: service, issuer: issuer, rootcertbundle: ${files.cert}}}`,
    );
  });

  it('gives one token for each scope, however many ask for it', async () => {
    const { source, layers } = await sample(6);
    const repository = open({ username: 'u', password: 'secret-password' });
    await copy(source, 'v1', repository, 'v1', { concurrency: 6 });
    expect(seen).toEqual([{ method: 'GET', scopes: ['repository:a/b:pull,push'], user: 'u' }]);
    seen.length = 0;
    const reader = open({ username: 'u', password: 'secret-password' });
    await Promise.all(layers.map((layer) => fetchBytes(reader, layer)));
    expect(seen).toEqual([{ method: 'GET', scopes: ['repository:a/b:pull'], user: 'u' }]);
    seen.length = 0;
    await Promise.all(layers.map((layer) => fetchBytes(repository, layer)));
    expect(seen).toEqual([]);
  });

  it('needs one refusal only, whatever is asked for afterwards, and both rights for a mount', async () => {
    const { source, layers } = await sample(2);
    await copy(source, 'v1', open({ username: 'u', password: 'secret-password' }), 'v1');
    const events: RequestEvent[] = [];
    const credentials = staticCredential({ username: 'u', password: 'secret-password' });
    const other = repositoryAt(
      registry?.host ?? '',
      { credentials, onRequest: (event) => events.push(event) },
      'other/place',
    );
    seen.length = 0;
    const [layer] = layers;
    if (!layer) throw new Error('no layer');
    expect(await other.exists(layer)).toBe(false);
    expect(await other.mount(layer, 'a/b', () => Promise.reject(new Error('sent')) as never)).toBe('mounted');
    await fetchBytes(other, layer);
    expect(events.filter(({ status, url }) => status === 401 && !url.includes('/token'))).toHaveLength(1);
    expect(seen.map(({ scopes }) => scopes)).toEqual([
      ['repository:other/place:pull,push'],
      ['repository:other/place:pull,push', 'repository:a/b:pull'],
    ]);
  });

  it('takes an identity token by OAuth2, and is asked anonymously where there is none', async () => {
    const { source } = await sample(1);
    await copy(source, 'v1', open({ refreshToken: 'identity' }), 'v1');
    expect(new Set(seen.map(({ method, user: name }) => `${method} ${name}`))).toEqual(new Set(['POST identity']));
    seen.length = 0;
    await open().fetchReference('v1');
    expect(seen).toEqual([{ method: 'GET', scopes: ['repository:a/b:pull'], user: undefined }]);
  });

  it('gets a wrong password once only, and the error does not say it', async () => {
    const repository = open({ username: 'u', password: 'wrong-password' });
    const error = await errorOf(() => Promise.all([1, 2, 3].map(() => repository.fetchReference('v1'))));
    expect(error).toMatchObject({ code: 'ERR_OCI_UNAUTHORIZED', message: expect.stringMatching(/from command line/) });
    await expect(repository.fetchReference('v1')).rejects.toMatchObject({ code: 'ERR_OCI_UNAUTHORIZED' });
    expect(seen).toHaveLength(1);
    expect(JSON.stringify(error) + String(error)).not.toContain('wrong-password');
  });

  it('that lets tokens expire is asked for a new one, once', async () => {
    const { source } = await sample(1);
    const repository = open();
    life = -120;
    // distribution allows for clocks that differ by a minute.
    const error = await errorOf(() => copy(source, 'v1', repository, 'v1'));
    expect(error).toMatchObject({ code: 'ERR_OCI_UNAUTHORIZED', side: 'destination' });
    life = 300;
    await copy(source, 'v1', repository, 'v1');
  });
});

describe('a hostile way of asking for credentials', () => {
  it('401 for ever ends after one replay', async () => {
    let requests = 0;
    const tokens = await serve((_request, response) => response.end('{"token":"t"}'));
    const repository = await against((_request, response) => {
      requests += 1;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${tokens}/"` }).end();
    });
    await expect(repository.resolve('1')).rejects.toMatchObject({ code: 'ERR_OCI_UNAUTHORIZED' });
    expect(requests).toBe(2);
  });

  it.each([
    ['a web page', '<h1>', 'ERR_OCI_INVALID_RESPONSE'],
    ['no token', '{"token":5}', 'ERR_OCI_INVALID_RESPONSE'],
    ['null', 'null', 'ERR_OCI_INVALID_RESPONSE'],
    ['a token with a line break', '{"token":"a\\r\\nx: y"}', 'ERR_OCI_INVALID_RESPONSE'],
    ['an endless token', `{"token":"${'a'.repeat(200_000)}"}`, 'ERR_OCI_SIZE_EXCEEDED'],
  ])('a token service that answers %s', async (_what, body, code) => {
    const tokens = await serve((_request, response) => response.end(body));
    const repository = await against((_request, response) =>
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${tokens}/"` }).end(),
    );
    await expect(repository.resolve('1')).rejects.toMatchObject({ code });
  });

  it('a token service that redirects gets the password, the other place does not', async () => {
    const seen: string[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization ?? '');
      response.end('{"token":"t"}');
    });
    const tokens = await serve((_request, response) => response.writeHead(307, { location: `http://${other}/` }).end());
    const repository = await against(
      (_request, response) => response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${tokens}/"` }).end(),
      { credentials: user },
    );
    await expect(repository.resolve('1')).rejects.toMatchObject({ code: 'ERR_OCI_REGISTRY' });
    expect(seen).toEqual([]);
  });

  it('a registry that says back what it was sent does not bring the password into the error', async () => {
    const repository = await against(
      (request, response) => {
        const { authorization } = request.headers;
        if (!authorization) return response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        const password = Buffer.from(authorization.slice(6), 'base64').toString().slice(2);
        const message = `you sent ${authorization}, that is ${password}\u001b[2J`;
        return response.writeHead(403).end(JSON.stringify({ errors: [{ code: 'DENIED', message }] }));
      },
      { credentials: user },
    );
    const error = await errorOf(() => repository.fetchReference('1'));
    expect(error).toMatchObject({ code: 'ERR_OCI_FORBIDDEN', registryCode: 'DENIED' });
    const all = `${String(error)} ${JSON.stringify(error)}`;
    expect(all).toMatch(/you sent Basic …, that is …/);
    for (const bad of ['secret-password', 'dTpz', '\\u001b', '\u001b']) expect(all).not.toContain(bad);
  });

  it('a wait for a token can be left without taking the token from others', async () => {
    const { promise: question, resolve: asked } = Promise.withResolvers<() => void>();
    const tokens = await serve((_request, response) => asked(() => void response.end('{"token":"t"}')));
    const repository = await against((request, response) =>
      request.headers.authorization === 'Bearer t'
        ? response.writeHead(404).end()
        : response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${tokens}/"` }).end(),
    );
    const controller = new AbortController();
    const impatient = errorOf(() => repository.resolve('1', { signal: controller.signal }));
    const answer = await question;
    const patient = errorOf(() => repository.resolve('1'));
    controller.abort();
    expect(await impatient).toMatchObject({ code: 'ERR_OCI_ABORTED' });
    answer();
    expect(await patient).toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
  });
});

describe('credentials that change while a program runs', () => {
  it('are looked up again after a while, and then a refusal of the old ones does not count', async () => {
    let password = 'old-password';
    const credentials: CredentialSource = {
      find: () => Promise.resolve({ credential: { username: 'u', password }, source: 'helper' }),
    };
    const wanted = `Basic ${Buffer.from('u:new-password').toString('base64')}`;
    const repository = await against(
      (request, response) =>
        request.headers.authorization === wanted
          ? response.writeHead(404).end()
          : response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
      { credentials },
    );
    await expect(repository.fetchReference('1')).rejects.toMatchObject({ code: 'ERR_OCI_UNAUTHORIZED' });
    password = 'new-password';
    await expect(repository.fetchReference('1')).rejects.toMatchObject({ code: 'ERR_OCI_UNAUTHORIZED' });
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now + 3_600_000);
    try {
      await expect(repository.fetchReference('1')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    } finally {
      clock.mockRestore();
    }
  });
});

describe('a token service', () => {
  it.each([404, 405, 401, 400])('without OAuth2 (%s) gets the identity token as a password', async (status) => {
    const seen: string[] = [];
    const host = await serve((request, response) => {
      seen.push(`${request.method} ${request.headers.authorization ?? ''}`);
      if (request.method === 'POST') response.writeHead(status).end();
      else response.end('{"access_token":"abc"}');
    });
    const credential = { username: 'u', refreshToken: 'identity' };
    const repository = await against(
      (request, response) =>
        request.headers.authorization === 'Bearer abc'
          ? response.writeHead(404).end()
          : response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${host}/token",service="s"` }).end(),
      { credentials: staticCredential(credential) },
    );
    await expect(repository.fetchReference('1')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    expect(seen).toEqual(['POST ', `GET Basic ${Buffer.from('u:identity').toString('base64')}`]);
  });

  it('that refuses one scope is asked for others all the same', async () => {
    const host = await serve((request, response) =>
      request.url?.includes('push') ? response.writeHead(403).end('{}') : response.end('{"token":"abc"}'),
    );
    const repository = await against(
      (request, response) =>
        request.headers.authorization === 'Bearer abc'
          ? response.writeHead(404).end()
          : response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${host}/token",service="s"` }).end(),
      { credentials: user },
    );
    const descriptor = { mediaType: 'a/b', digest: digestOf(Buffer.from('x')), size: 1 };
    await expect(repository.exists(descriptor)).rejects.toMatchObject({ code: 'ERR_OCI_UNAUTHORIZED' });
    await expect(repository.fetchReference('1')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
  });
});
