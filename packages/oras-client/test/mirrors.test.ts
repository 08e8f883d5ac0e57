import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import {
  copy,
  type CredentialSource,
  fetchBytes,
  packManifest,
  pushBytes,
  registriesConf,
  type RegistrySettings,
  Repository,
  staticCredential,
} from '../src/index.ts';
import { against, anonymous, repositoryAt, serve } from './support/http.ts';
import { list } from './support/list.ts';
import { makeCertificate } from './support/token-server.ts';

let folder: string;
let registry: Registry;
let mirror: Registry;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mirrors-'));
  registry = await createRegistry({ root: join(folder, 'registry') });
  mirror = await createRegistry({ root: join(folder, 'mirror') });
});
afterAll(async () => {
  await Promise.all([registry?.close(), mirror?.close()]);
  await rm(folder, { recursive: true, force: true });
});

let counter = 0;
function conf(text: string): RegistrySettings {
  const path = join(folder, `${counter++}.conf`);
  writeFileSync(path, text);
  return registriesConf({ files: [path] });
}

/** Where the settings lead one repository. */
function route(text: string): ReturnType<RegistrySettings['find']> {
  return conf(text).find('r.example', 'acme/watch');
}

describe('settings of registries', () => {
  it.each([
    ['[[registry]]\nlocation = "other.example"', undefined],
    ['[[registry]]\nlocation = "r.example/ac"', undefined],
    ['[[registry]]\nlocation = "r.example"', 'r.example/acme/watch'],
    ['[[registry]]\nprefix = "r.example"\nlocation = "in.example/cache"', 'in.example/cache/acme/watch'],
    ['[[registry]]\nprefix = "r.example/acme"\nlocation = "in.example/a"', 'in.example/a/watch'],
    ['[[registry]]\nprefix = "r.example/acme/watch"\nlocation = "in.example/w"', 'in.example/w'],
    ['[[registry]]\nprefix = "*.example"\nlocation = "in.example/x"', 'in.example/x/acme/watch'],
    ['[[registry]]\nprefix = "*.example"\nblocked = true', 'r.example/acme/watch'],
    ['[[registry]]\nprefix = "*.r.example"', undefined],
    [
      '[[registry]]\nprefix = "r.example/acme"\nlocation = "long.example"\n[[registry]]\nprefix = "r.example"\nlocation = "short.example"',
      'long.example/watch',
    ],
  ])('%j lead to %s', async (text, expected) => {
    const found = await route(text);
    expect(found && `${found.place.registry}/${found.place.repository}`).toBe(expected);
  });

  it('name mirrors in their order, and what they are for', async () => {
    const text = `
      unqualified-search-registries = ["docker.io"]
      [[registry]]
      location = "r.example"
      blocked = false
      mirror-by-digest-only = true
      [[registry.mirror]]
      location = "one.example/cache"
      [[registry.mirror]]
      location = "two.example"
      insecure = true
      pull-from-mirror = "tag-only"`;
    expect((await route(text))?.mirrors).toEqual([
      { registry: 'one.example', repository: 'cache/acme/watch', insecure: false, use: 'digest-only' },
      { registry: 'two.example', repository: 'acme/watch', insecure: true, use: 'tag-only' },
    ]);
  });

  it.each([
    ['[[registry]\nlocation = ', /is not TOML/],
    ['registry = 1', /list of tables/],
    ['[[registry]]\nblocked = true', /without prefix and location/],
    ['[[registry]]\nprefix = "r.example"', /no location/],
    ['[[registry]]\nlocation = "r.example"\nblocked = "yes"', /neither true nor false/],
    ['[[registry]]\nlocation = "https://r.example"', /not a name/],
    ['[[registry]]\nlocation = "r.example"\n[[registry.mirror]]\ninsecure = true', /without location/],
    [
      '[[registry]]\nlocation = "r.example"\nmirror = [{location = "m", pull-from-mirror = "some"}]',
      /pull-from-mirror/,
    ],
  ])('%j are a typed error that names the file', async (text, why) => {
    await expect(route(text)).rejects.toMatchObject({ code: 'ERR_OCI_CONFIG', message: expect.stringMatching(why) });
    await expect(route(text)).rejects.toThrow(/\.conf/);
  });

  it('that name no registry are not even read as TOML', async () => {
    const text = `# [[registry]]\n  # registry = []\n[aliases]\n"tool" = "registry.example/tool"\nno TOML`;
    expect(await route(text)).toBeUndefined();
    for (const written of ['[[registry]]', '[[ "registry" ]]', 'registry = [{location = "r.example"}]\n[[']) {
      await expect(route(`${text}\n${written}`)).rejects.toMatchObject({ code: 'ERR_OCI_CONFIG' });
    }
  });

  it('are the user’s before the system’s, and those of registries.conf.d after both', async () => {
    const home = mkdtempSync(join(folder, 'home-'));
    const own = join(home, '.config', 'containers');
    await mkdir(join(own, 'registries.conf.d'), { recursive: true });
    await writeFile(join(own, 'registries.conf'), '[[registry]]\nprefix = "r.example"\nlocation = "user.example"');
    const env = { HOME: home };
    const find = async (): Promise<string | undefined> =>
      (await registriesConf({ env }).find('r.example', 'a'))?.place.registry;
    expect(await find()).toBe('user.example');
    await writeFile(
      join(own, 'registries.conf.d', '1.conf'),
      '[[registry]]\nprefix = "r.example"\nlocation = "dropin.example"',
    );
    expect(await find()).toBe('dropin.example');
    rmSync(home, { recursive: true });
  });
});

const type = 'application/vnd.example.v1';
async function pushTo(host: string, name: string, text: string): Promise<Repository> {
  const repository = new Repository(
    { registry: host, repository: name },
    { credentials: anonymous, registries: false },
  );
  const layer = await pushBytes(repository, 'application/octet-stream', Buffer.from(text));
  await repository.tag(await packManifest(repository, { artifactType: type, layers: [layer] }), '1.0.0');
  return repository;
}

describe('a repository with a mirror', () => {
  it('is read from the mirror, and from itself what the mirror lacks; it is written to itself only', async () => {
    const name = 'acme/one';
    await using own = await pushTo(registry.host, name, 'only in the registry');
    await using there = await pushTo(mirror.host, `cache/${name}`, 'only in the mirror');
    const registries = conf(
      `[[registry]]\nlocation = "${registry.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}/cache"`,
    );
    const asked: string[] = [];
    await using repository = new Repository(
      { registry: registry.host, repository: name },
      {
        credentials: anonymous,
        registries,
        onRequest: ({ method, url }) => asked.push(`${method} ${new URL(url).host}`),
      },
    );
    const root = await repository.resolve('1.0.0');
    expect(root.digest).toBe((await there.resolve('1.0.0')).digest);
    expect(new Set(asked)).toEqual(new Set([`HEAD ${mirror.host}`]));
    const elsewhere = await own.resolve('1.0.0');
    expect((await fetchBytes(repository, elsewhere)).length).toBe(elsewhere.size);
    const pushed = await pushBytes(repository, 'application/octet-stream', Buffer.from('new'));
    expect([await own.exists(pushed), await there.exists(pushed)]).toEqual([true, false]);
    // A mirror without referrers does not hide those of the registry.
    const referrer = await packManifest(own, { artifactType: type, subject: root });
    expect((await list(repository.predecessors(root))).map(({ digest }) => digest)).toEqual([referrer.digest]);
  });

  it('that is down is read from itself, and the mirror is not asked again', async () => {
    const name = 'acme/two';
    await using own = await pushTo(registry.host, name, 'a layer');
    const registries = conf(
      `[[registry]]\nlocation = "${registry.host}"\n[[registry.mirror]]\nlocation = "127.0.0.1:1"`,
    );
    await using repository = new Repository(
      { registry: registry.host, repository: name },
      { credentials: anonymous, registries },
    );
    const { MemoryStore } = await import('../src/index.ts');
    const root = await copy(repository, '1.0.0', new MemoryStore(), '1.0.0');
    expect(root.digest).toBe((await own.resolve('1.0.0')).digest);
  });

  it('that serves wrong bytes under a digest is read from itself', async () => {
    const liar = await serve((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }).end('{}'),
    );
    await using own = await pushTo(registry.host, 'acme/three', 'a layer');
    const registries = conf(`[[registry]]\nlocation = "${registry.host}"\n[[registry.mirror]]\nlocation = "${liar}"`);
    await using repository = new Repository(
      { registry: registry.host, repository: 'acme/three' },
      { credentials: anonymous, registries },
    );
    const { digest } = await own.resolve('1.0.0');
    expect((await repository.fetchReference(digest)).descriptor.digest).toBe(digest);
  });

  it('does not show the mirror what was given for the registry', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization, request.headers['x-mine'] as string | undefined);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    const { registry: host } = await against((_request, response) => response.writeHead(404).end());
    const registries = conf(`[[registry]]\nlocation = "${host}"\n[[registry.mirror]]\nlocation = "${other}"`);
    const credentials = staticCredential({ username: 'u', password: 'hidden-word' });
    const repository = repositoryAt(host, { credentials, registries, headers: { 'x-mine': 'yes' } });
    await expect(repository.resolve('1')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND', registry: host });
    expect(seen.filter(Boolean)).toEqual([]);
    expect(seen).not.toEqual([]);
  });

  it('asks for the mirror’s own credentials', async () => {
    const asked: string[] = [];
    const credentials: CredentialSource = {
      find: (name, repository) => {
        asked.push(`${name}/${repository}`);
        return Promise.resolve(undefined);
      },
    };
    const { registry: host } = await against((_request, response) => response.writeHead(404).end());
    const { registry: other } = await against((_request, response) => response.writeHead(404).end());
    const registries = conf(`[[registry]]\nlocation = "${host}"\n[[registry.mirror]]\nlocation = "${other}/cache"`);
    await repositoryAt(host, { credentials, registries })
      .resolve('1')
      .catch(() => undefined);
    expect(asked).toEqual([`${other}/cache/a/b`, `${host}/a/b`]);
  });
});

describe('a registry that the settings', () => {
  it('block is not asked for anything', async () => {
    let requests = 0;
    const { registry: host } = await against(() => (requests += 1));
    const repository = repositoryAt(host, { registries: conf(`[[registry]]\nlocation = "${host}"\nblocked = true`) });
    await expect(repository.resolve('1')).rejects.toMatchObject({
      code: 'ERR_OCI_BLOCKED',
      message: expect.stringMatching(/\.conf/),
    });
    expect(requests).toBe(0);
  });

  it('put elsewhere is written there', async () => {
    const registries = conf(`[[registry]]\nprefix = "r.example/acme"\nlocation = "${registry.host}/moved"`);
    await using repository = new Repository(
      { registry: 'r.example', repository: 'acme/four' },
      { credentials: anonymous, registries },
    );
    const root = await packManifest(repository, { artifactType: type });
    await repository.tag(root, '1.0.0');
    await using moved = new Repository({ registry: registry.host, repository: 'moved/four' }, { registries: false });
    expect((await moved.resolve('1.0.0')).digest).toBe(root.digest);
  });

  it('call insecure may have any certificate, or none', async () => {
    const files = makeCertificate(folder);
    const server = createServer(
      { key: readFileSync(files.key), cert: readFileSync(files.cert) },
      (_request, response) => response.writeHead(404).end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const withTls = `localhost:${(server.address() as AddressInfo).port}`;
    const { registry: plain } = await against((_request, response) => response.writeHead(404).end());
    for (const host of [withTls, plain]) {
      const at = (text: string): Repository =>
        repositoryAt(host, { plainHttp: false, certsFolders: [], registries: conf(text) });
      await expect(at(`[[registry]]\nlocation = "${host}"\ninsecure = true`).resolve('1')).rejects.toMatchObject({
        code: 'ERR_OCI_NOT_FOUND',
      });
      await expect(at(`[[registry]]\nlocation = "${host}"`).resolve('1')).rejects.not.toMatchObject({
        code: 'ERR_OCI_NOT_FOUND',
      });
    }
    server.closeAllConnections();
    server.close();
  });
});
