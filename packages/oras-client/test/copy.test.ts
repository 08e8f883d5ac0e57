import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  copy,
  type Content,
  type Descriptor,
  digestOf,
  MEDIA_TYPE_INDEX,
  MemoryStore,
  packManifest,
  type ProgressEvent,
  pushBytes,
  type RequestEvent,
} from '../src/index.ts';
import { type RunningRegistry, startDockerRegistry } from './docker-registry.ts';
import { against, repositoryAt } from './support/http.ts';
import { errorOf, list } from './support/list.ts';

const TYPE = 'application/vnd.example.v1';
let folder: string;
let registry: Registry;
let docker: RunningRegistry;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'copy-'));
  registry = await createRegistry({ root: join(folder, 'registry') });
  docker = await startDockerRegistry();
});

afterAll(async () => {
  await registry?.close();
  await docker?.close();
  await rm(folder, { recursive: true, force: true });
});

/** An index of manifests that all share one blob, which is slow to arrive. */
async function packShared(store: MemoryStore, manifests = 3): Promise<Descriptor> {
  const shared = await pushBytes(store, 'application/octet-stream', Buffer.from('shared'));
  const children: Descriptor[] = [];
  for (let i = 0; i < manifests; i++) {
    const own = await pushBytes(store, 'application/octet-stream', Buffer.from(`own ${i}`));
    const layers = [shared, own];
    const { mediaType, digest, size } = await packManifest(store, {
      artifactType: TYPE,
      layers,
      annotations: { i: `${i}` },
    });
    children.push({ mediaType, digest, size });
  }
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE_INDEX, manifests: children }));
  const root = { mediaType: MEDIA_TYPE_INDEX, digest: digestOf(bytes), size: bytes.length };
  await store.push(root, bytes);
  await store.tag(root, 'v1');
  return root;
}

/** Keeps what it is given in order, and refuses a manifest whose parts are missing, as strict registries do. */
class StrictStore extends MemoryStore {
  readonly log: string[] = [];

  override async push(descriptor: Descriptor, content: Content): Promise<void> {
    if (descriptor.size === 'shared'.length) await sleep(30);
    const copied = new MemoryStore();
    await copied.push(descriptor, content);
    for await (const chunk of await copied.fetch(descriptor)) {
      for (const [digest] of Buffer.from(chunk)
        .toString()
        .matchAll(/sha256:[a-f0-9]{64}/g)) {
        const part = { mediaType: 'x', digest, size: 0 };
        if (!(await this.exists(part))) throw new Error(`${descriptor.digest} came before its part ${digest}`);
      }
      await super.push(descriptor, chunk);
    }
    this.log.push(descriptor.digest);
  }

  override async tag(descriptor: Descriptor, reference: string): Promise<void> {
    await super.tag(descriptor, reference);
    this.log.push(reference);
  }
}

describe('copy', () => {
  it('sends parts before what holds them, a shared part once, and the tag last', async () => {
    const source = new MemoryStore();
    const root = await packShared(source);
    const signature = await packManifest(source, { artifactType: TYPE, subject: root });
    const target = new StrictStore();
    await copy(source, 'v1', target, 'latest', { concurrency: 6, withReferrers: true });
    expect(target.log.at(-1)).toBe('latest');
    expect(target.log).toContain(signature.digest);
    const shared = digestOf(Buffer.from('shared'));
    expect(target.log.filter((entry) => entry === shared)).toHaveLength(1);
  });

  it('copies what refers to the parts of an index, and what refers to that', async () => {
    const source = new MemoryStore();
    const root = await packShared(source, 1);
    const [child] = (
      JSON.parse(Buffer.concat(await list(await source.fetch(root))).toString()) as { manifests: Descriptor[] }
    ).manifests;
    const evidence = await packManifest(source, { artifactType: TYPE, subject: child ?? root });
    const signature = await packManifest(source, { artifactType: TYPE, subject: evidence });
    const target = new MemoryStore();
    await copy(source, 'v1', target, undefined, { withReferrers: true });
    expect(await target.exists(signature)).toBe(true);
    await expect(target.resolve('v1')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
  });

  it('tells each step of each part, once', async () => {
    const source = new MemoryStore();
    await packShared(source);
    const target = new MemoryStore();
    await pushBytes(target, 'application/octet-stream', Buffer.from('own 0'));
    const events: ProgressEvent[] = [];
    await copy(source, 'v1', target, 'v1', { onProgress: (event) => events.push(event) });
    const phases = (text: string): string[] =>
      events.filter(({ descriptor }) => descriptor.digest === digestOf(Buffer.from(text))).map(({ phase }) => phase);
    expect(phases('own 0')).toEqual(['skipped']);
    expect(phases('own 1')).toEqual(['start', 'bytes', 'done']);
    expect(phases('shared')).toEqual(['start', 'bytes', 'done']);
  });

  it('into a repository costs no more requests than the parts need', async () => {
    const source = new MemoryStore();
    const layer = await pushBytes(source, 'application/octet-stream', Buffer.from('layer'));
    const config = await pushBytes(source, 'application/json', Buffer.from('{"a":1}'));
    await source.tag(await packManifest(source, { artifactType: TYPE, config, layers: [layer] }), 'v1');
    const events: RequestEvent[] = [];
    const target = repositoryAt(registry.host, { onRequest: (event) => events.push(event) }, 'copy/economy');
    const methods = (): string =>
      events
        .splice(0)
        .map(({ method }) => method)
        .sort((a, b) => (a < b ? -1 : 1))
        .join(' ');
    await copy(source, 'v1', target, 'v1');
    expect(methods()).toBe('HEAD HEAD POST POST PUT PUT PUT');
    await copy(source, 'v1', target, 'v1');
    expect(methods()).toBe('HEAD HEAD PUT');
    await copy(target, 'v1', new MemoryStore(), 'v1');
    expect(methods()).toBe('GET GET GET');
  });

  it.each(['registry-dev', 'docker-registry 2.8'])(
    'of many small blobs asks for a few of them only, and for none where the manifest is there: %s',
    async (name) => {
      const source = new MemoryStore();
      const layers = [];
      for (let i = 0; i < 20; i++)
        layers.push(await pushBytes(source, 'application/octet-stream', Buffer.from(`${i}`)));
      await source.tag(await packManifest(source, { artifactType: TYPE, layers }), 'v1');
      const seen: string[] = [];
      const onRequest = ({ method }: RequestEvent): void => void seen.push(method);
      const host = name === 'registry-dev' ? registry.host : docker.host;
      const target = repositoryAt(host, { onRequest }, 'copy/many');
      await copy(source, 'v1', target, 'v1');
      // The manifest, and as many blobs as are asked for at the same time before four are known to be missing.
      expect(seen.filter((method) => method === 'HEAD').length).toBeLessThan(12);
      expect(seen.filter((method) => method === 'PUT')).toHaveLength(22);
      seen.length = 0;
      await copy(source, 'v1', target, 'v1');
      expect(seen).toEqual(['HEAD', 'PUT']);
    },
  );

  it('sends blobs again that a registry has lost under a manifest', async () => {
    const source = new MemoryStore();
    const layers = [];
    for (let i = 0; i < 5; i++)
      layers.push(await pushBytes(source, 'application/octet-stream', Buffer.from(`lost ${i}`)));
    await source.tag(await packManifest(source, { artifactType: TYPE, layers }), 'v1');
    const [lost] = layers;
    if (!lost) throw new Error('no layer');
    const target = repositoryAt(registry.host, {}, 'copy/lost');
    await copy(source, 'v1', target, 'v1');
    await target.delete(lost);
    expect(await target.exists(lost)).toBe(false);
    await copy(source, 'v1', target, 'v1');
    expect(await target.exists(lost)).toBe(true);
  });

  it.each(['registry-dev', 'docker-registry 2.8'])(
    'mounts blobs between repositories of one registry: %s',
    async (name) => {
      const host = name === 'registry-dev' ? registry.host : docker.host;
      const source = new MemoryStore();
      await packShared(source);
      const [one, two] = [repositoryAt(host, {}, 'mount/one'), repositoryAt(host, {}, 'mount/two')];
      await copy(source, 'v1', one, 'v1');
      const phases: string[] = [];
      const root = await copy(one, 'v1', two, 'v1', { onProgress: ({ phase }) => phases.push(phase) });
      expect(phases.filter((phase) => phase === 'mounted')).toHaveLength(5);
      expect(phases).not.toContain('bytes');
      expect((await two.resolve('v1')).digest).toBe(root.digest);
    },
  );

  it('sends the bytes where a registry refuses to mount', async () => {
    const seen: string[] = [];
    const target = await against((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      request.resume();
      if (request.method === 'HEAD') return response.writeHead(404).end();
      if (request.url?.includes('mount=')) return response.writeHead(405).end();
      if (request.method === 'POST') return response.writeHead(202, { location: '/upload?_state=x%2By~z' }).end();
      return response.writeHead(201).end();
    });
    const layer = Buffer.from('layer');
    const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(layer), size: layer.length };
    expect(await target.mount(descriptor, 'other/one', layer)).toBe('uploaded');
    expect(seen).toEqual([
      `POST /v2/a/b/blobs/uploads/?mount=${descriptor.digest}&from=other%2Fone`,
      'POST /v2/a/b/blobs/uploads/',
      `PUT /upload?_state=x%2By~z&digest=${encodeURIComponent(descriptor.digest)}`,
    ]);
  });

  it('that fails says which side did, stops the rest, and tags nothing', async () => {
    const source = new MemoryStore();
    await packShared(source);
    const broken = await against((_request, response) => response.writeHead(403).end());
    expect(await errorOf(() => copy(source, 'v1', broken, 'v1'))).toMatchObject({
      code: 'ERR_OCI_FORBIDDEN',
      side: 'destination',
    });
    expect(await errorOf(() => copy(broken, 'v1', source, 'v2'))).toMatchObject({
      code: 'ERR_OCI_FORBIDDEN',
      side: 'source',
    });
    const target = new MemoryStore();
    const fetch = source.fetch.bind(source);
    source.fetch = async (descriptor, options) => {
      if (descriptor.digest === digestOf(Buffer.from('own 1'))) throw new Error('the source broke');
      return fetch(descriptor, options);
    };
    await expect(copy(source, 'v1', target, 'v1')).rejects.toThrow('the source broke');
    await expect(target.resolve('v1')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
  });

  it('can be left by a signal', async () => {
    const source = new MemoryStore();
    await packShared(source);
    const target = new MemoryStore();
    const controller = new AbortController();
    const copying = copy(source, 'v1', target, 'v1', {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(copying).rejects.toMatchObject({ code: 'ERR_OCI_ABORTED' });
    await expect(target.resolve('v1')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
  });

  it('is not kept busy by a source whose graph is a circle or has no end', async () => {
    const source = new MemoryStore();
    const root = await packShared(source, 1);
    const digest = `sha256:${'1'.repeat(64)}`;
    const circle = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE_INDEX,
        manifests: [{ mediaType: MEDIA_TYPE_INDEX, digest, size: 10 }],
      }),
    );
    source.resolve = async () => ({ mediaType: MEDIA_TYPE_INDEX, digest, size: circle.length });
    source.fetch = async () =>
      (async function* () {
        yield circle;
      })();
    expect(await errorOf(() => copy(source, 'x', new MemoryStore(), 'x'))).toMatchObject({
      code: 'ERR_OCI_DIGEST_MISMATCH',
      side: 'source',
    });
    const endless = new MemoryStore();
    await packShared(endless, 1);
    endless.predecessors = async function* () {
      for (;;) yield root;
    };
    expect(await errorOf(() => copy(endless, 'v1', new MemoryStore(), 'v1', { withReferrers: true }))).toMatchObject({
      code: 'ERR_OCI_LIMIT',
    });
  });
});
