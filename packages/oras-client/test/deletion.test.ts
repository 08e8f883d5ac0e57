import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRegistry, type Registry as DevRegistry } from '@bpfship/registry-dev';
import {
  digestOf,
  EMPTY_DESCRIPTOR,
  fetchBytes,
  MEDIA_TYPE_DOCKER_MANIFEST,
  MEDIA_TYPE_MANIFEST,
  packManifest,
  pushBytes,
  Registry,
  Repository,
} from '../src/index.ts';
import { type RunningRegistry, startDockerRegistry } from './docker-registry.ts';
import { against, anonymous } from './support/http.ts';
import { list } from './support/list.ts';

let folder: string;
let dev: DevRegistry;
let old: DevRegistry;
let docker: RunningRegistry;
let counter = 0;
const type = 'application/vnd.example.v1';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deletion-'));
  dev = await createRegistry({ root: join(folder, 'dev') });
  old = await createRegistry({ root: join(folder, 'old'), referrersApi: false });
  docker = await startDockerRegistry();
});
afterAll(async () => {
  await Promise.all([dev?.close(), old?.close(), docker?.close()]);
  await rm(folder, { recursive: true, force: true });
});

describe.each([
  ['registry-dev', () => dev.host],
  ['a registry without referrers API', () => old.host],
  ['docker-registry 2.8', () => docker.host],
])('%s', (_name, host) => {
  const open = (): Repository =>
    new Repository({ registry: host(), repository: `test/d${counter++}` }, { credentials: anonymous });

  it('gives up a tag and keeps its manifest and the other tags', async () => {
    await using repository = open();
    const root = await packManifest(repository, { artifactType: type, annotations: { a: '1' } });
    await repository.tag(root, 'one');
    await repository.tag(root, 'two');
    await repository.untag('one');
    await expect(repository.resolve('one')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    expect((await repository.resolve('two')).digest).toBe(root.digest);
    expect((await fetchBytes(repository, root)).length).toBe(root.size);
    await expect(repository.untag('one')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
  });

  it('gives up a manifest and a blob', async () => {
    await using repository = open();
    const layer = await pushBytes(repository, 'application/octet-stream', Buffer.from('a layer'));
    const root = await packManifest(repository, { artifactType: type, layers: [layer] });
    expect(await repository.resolveBlob(layer.digest)).toEqual({ ...layer, mediaType: 'application/octet-stream' });
    await repository.delete(root);
    await repository.delete(layer);
    expect([await repository.exists(root), await repository.exists(layer)]).toEqual([false, false]);
    await expect(repository.delete(layer)).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
  });

  it('no longer lists a referrer that was deleted, and lists the others', async () => {
    await using repository = open();
    const subject = await packManifest(repository, { artifactType: type });
    const attach = (n: string): ReturnType<typeof packManifest> =>
      packManifest(repository, { artifactType: type, subject, annotations: { n } });
    const [first, second] = [await attach('1'), await attach('2')];
    await repository.delete(first);
    expect((await list(repository.predecessors(subject))).map(({ digest }) => digest)).toEqual([second.digest]);
  });

  it('lists its repositories', async () => {
    await using repository = open();
    await packManifest(repository, { artifactType: type });
    await using registry = new Registry(host(), { credentials: anonymous });
    await registry.ping();
    expect(await list(registry.repositories({ pageSize: 2 }))).toContain(repository.name);
    expect(registry.repository('a/b').name).toBe('a/b');
  });
});

describe('a registry that does not delete', () => {
  it('is named as that, and keeps its tag', async () => {
    const manifest = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE_MANIFEST, config: EMPTY_DESCRIPTOR, layers: [] }),
    );
    let tagged: Buffer = manifest;
    const repository = await against((request, response) => {
      const answer = { 'content-type': MEDIA_TYPE_MANIFEST };
      if (request.method === 'DELETE')
        response.writeHead(405).end('{"errors":[{"code":"UNSUPPORTED","message":"no"}]}');
      else if (request.method === 'GET') response.writeHead(200, answer).end(tagged);
      else if (request.method === 'POST') response.writeHead(202, { location: '/v2/a/b/blobs/uploads/1' }).end();
      else {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          if (request.url?.includes('/manifests/')) tagged = Buffer.concat(chunks);
          response.writeHead(201).end();
        });
      }
    });
    await expect(repository.untag('1.0.0')).rejects.toMatchObject({
      code: 'ERR_OCI_UNSUPPORTED',
      status: 405,
      hint: expect.stringMatching(/turned off/),
    });
    expect(tagged.equals(manifest)).toBe(true);
  });

  it('and tells no list of repositories is named as that', async () => {
    const { registry: host } = await against((_request, response) => response.writeHead(404).end());
    await using registry = new Registry(host, { credentials: anonymous });
    await expect(list(registry.repositories())).rejects.toMatchObject({ code: 'ERR_OCI_UNSUPPORTED' });
  });
});

describe('what a registry says of content', () => {
  it('by HEAD is asked by GET where there is no HEAD', async () => {
    const blob = Buffer.from('some bytes');
    const asked: string[] = [];
    const repository = await against((request, response) => {
      asked.push(`${request.method} ${request.headers.range ?? ''}`);
      if (request.method === 'HEAD') response.writeHead(405).end();
      else response.writeHead(206, { 'content-range': 'bytes 0-0/10' }).end('s');
    });
    expect((await repository.resolveBlob(digestOf(blob))).size).toBe(10);
    expect(asked).toEqual(['HEAD ', 'GET bytes=0-0']);
  });

  it.each([
    ['application/vnd.docker.distribution.manifest.v1+prettyjws', 'ERR_OCI_INVALID_RESPONSE', /schema 1/],
    [MEDIA_TYPE_DOCKER_MANIFEST, 'ERR_OCI_INVALID_MANIFEST', /says it is/],
  ])('in a header (%s) is held against the manifest', async (header, code, message) => {
    const repository = await against((_request, response) =>
      response
        .writeHead(200, { 'content-type': header })
        .end(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE_MANIFEST, config: {}, layers: [] })),
    );
    await expect(repository.fetchReference('1')).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it('is not asked where a descriptor carries its content itself; a wrong one is not believed', async () => {
    const blob = Buffer.from('some bytes');
    let requests = 0;
    const repository = await against((_request, response) => {
      requests += 1;
      response.end(blob);
    });
    const descriptor = { mediaType: 'a/b', digest: digestOf(blob), size: blob.length };
    const embedded = { ...descriptor, data: blob.toString('base64') };
    expect(Buffer.from(await fetchBytes(repository, embedded)).equals(blob)).toBe(true);
    expect(requests).toBe(0);
    const wrong = { ...descriptor, data: Buffer.from('other byte').toString('base64') };
    expect(Buffer.from(await fetchBytes(repository, wrong)).equals(blob)).toBe(true);
    expect(requests).toBe(1);
  });
});
