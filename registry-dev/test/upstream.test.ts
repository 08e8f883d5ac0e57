import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry, type FaultRule, type Registry } from '../src/index.ts';
import { basic, type Call, callerOf, codeOf, digestOf, EMPTY, MANIFEST, pushBlob, pushManifest } from './client.ts';

let upstream: Registry;
let cache: Registry;
let source: Call;
let call: Call;

beforeEach(async () => {
  upstream = await createRegistry({ users: { reader: 'secret' } });
  source = callerOf(upstream.url, basic('reader', 'secret'));
  cache = await createRegistry({ upstream: { url: upstream.url, username: 'reader', password: 'secret' } });
  call = callerOf(cache.url);
});
afterEach(async () => {
  await cache.close();
  await upstream.close();
});

function breakUpstream(rule: FaultRule): void {
  upstream.setFaults({ rules: [rule] });
}

describe('a pull-through cache', () => {
  it('fetches what is asked for once, and serves it when the upstream is gone', async () => {
    const digest = await pushManifest(source, 'v1');
    const layer = await pushBlob(source, 'a layer');
    expect((await call('GET', '/v2/a/b/manifests/v1')).headers.get('docker-content-digest')).toBe(digest);
    expect(await (await call('GET', `/v2/a/b/blobs/${layer}`)).text()).toBe('a layer');
    breakUpstream({ kind: 'status', status: 503 });
    for (const reference of ['v1', digest])
      expect((await call('GET', `/v2/a/b/manifests/${reference}`)).status).toBe(200);
    expect((await call('GET', `/v2/a/b/blobs/${layer}`, { headers: { range: 'bytes=2-' } })).status).toBe(206);
    const missing = await call('GET', `/v2/a/b/blobs/${EMPTY}`);
    expect([missing.status, await codeOf(missing)]).toEqual([503, 'UNAVAILABLE']);
  });

  it('follows a tag that moves, and one that goes', async () => {
    await pushManifest(source, 'v1');
    await call('GET', '/v2/a/b/manifests/v1');
    const moved = await pushManifest(source, 'v1', { annotations: { is: 'newer' } });
    expect((await call('HEAD', '/v2/a/b/manifests/v1')).headers.get('docker-content-digest')).toBe(moved);
    await source('DELETE', '/v2/a/b/manifests/v1');
    expect((await call('GET', '/v2/a/b/manifests/v1')).status).toBe(404);
  });

  it('asks once for a blob that many want at the same time', async () => {
    const layer = await pushBlob(source, 'a layer');
    // A second request to the upstream would fail.
    breakUpstream({ kind: 'status', status: 503, skip: 1 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => call('GET', `/v2/a/b/blobs/${layer}`)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });

  it.each<FaultRule>([
    { kind: 'corrupt' },
    { kind: 'swap' },
    { kind: 'cut-response' },
    { kind: 'wrong-length', by: -2 },
    { kind: 'wrong-length', by: 2 },
    { kind: 'redirect' },
  ])('neither serves nor keeps what it does not get whole and right: %o', async (rule) => {
    const layer = await pushBlob(source, 'a layer');
    breakUpstream(rule);
    const refused = await call('GET', `/v2/a/b/blobs/${layer}`);
    expect([refused.status, await codeOf(refused)]).toEqual([503, 'UNAVAILABLE']);
    upstream.setFaults();
    expect(await (await call('GET', `/v2/a/b/blobs/${layer}`)).text()).toBe('a layer');
  });

  it.each<FaultRule>([{ kind: 'corrupt' }, { kind: 'false-digest' }])('nor a manifest: %o', async (rule) => {
    const digest = await pushManifest(source, 'v1');
    breakUpstream(rule);
    expect((await call('GET', `/v2/a/b/manifests/${digest}`)).ok).toBe(false);
    expect((await call('GET', '/v2/a/b/manifests/v1')).ok).toBe(false);
  });

  it('passes lists on, and gives its own where the upstream is gone', async () => {
    await pushManifest(source, 'v1');
    await pushManifest(source, 'v2', { subject: { mediaType: MANIFEST, digest: digestOf('subject'), size: 7 } });
    await call('GET', '/v2/a/b/manifests/v2');
    const tags = async (): Promise<unknown> => (await call('GET', '/v2/a/b/tags/list')).json();
    expect(await tags()).toEqual({ name: 'a/b', tags: ['v1', 'v2'] });
    expect((await call('GET', '/v2/a/b/tags/list?n=1')).headers.get('link')).toContain('last=v1');
    breakUpstream({ kind: 'status', status: 500 });
    expect(await tags()).toEqual({ name: 'a/b', tags: ['v2'] });
    const list = await call('GET', `/v2/a/b/referrers/${digestOf('subject')}`);
    expect(await list.json()).toMatchObject({ manifests: [{ mediaType: MANIFEST }] });
  });

  it('takes no pushes, and says what the upstream forbids', async () => {
    expect((await call('POST', '/v2/a/b/blobs/uploads/')).status).toBe(405);
    await cache.close();
    cache = await createRegistry({ upstream: { url: upstream.url } });
    const refused = await callerOf(cache.url)('GET', '/v2/a/b/manifests/v1');
    expect([refused.status, await codeOf(refused)]).toEqual([403, 'DENIED']);
  });
});
