import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry, type Registry } from '../src/index.ts';
import { type Call, callerOf, codeOf, digestOf, MANIFEST, pushBlob, pushManifest } from './client.ts';

let folder: string;
let registry: Registry;
let call: Call;

const LARGE = 'abcdefgh'.repeat(300_000);

describe.each([
  ['a folder', true],
  ['memory', false],
])('the distribution protocol on %s', (_, onDisk) => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'registry-protocol-'));
    registry = await createRegistry(onDisk ? { root: folder } : {});
    call = callerOf(registry.url);
  });
  afterEach(async () => {
    await registry.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['bytes=0-0', 206, 'bytes 0-0/10', '0'],
    ['bytes=7-', 206, 'bytes 7-9/10', '789'],
    ['bytes=-3', 206, 'bytes 7-9/10', '789'],
    ['bytes=-30', 206, 'bytes 0-9/10', '0123456789'],
    ['bytes=8-30', 206, 'bytes 8-9/10', '89'],
    ['bytes=0-1,3-4', 200, null, '0123456789'],
    ['lines=0-1', 200, null, '0123456789'],
    ['bytes=x', 200, null, '0123456789'],
    ['bytes=10-', 416, 'bytes */10', undefined],
    ['bytes=5-2', 416, 'bytes */10', undefined],
    ['bytes=-0', 416, 'bytes */10', undefined],
  ])('range %s is answered with %i', async (range, status, contentRange, text) => {
    const digest = await pushBlob(call, '0123456789');
    const answer = await call('GET', `/v2/a/b/blobs/${digest}`, { headers: { range } });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([status, contentRange]);
    if (text === undefined) expect(await codeOf(answer)).toBe('RANGE_INVALID');
    else expect(await answer.text()).toBe(text);
  });

  it('large blobs come whole and in parts', async () => {
    const digest = await pushBlob(call, LARGE);
    expect(digestOf(await (await call('GET', `/v2/a/b/blobs/${digest}`)).text())).toBe(digest);
    const range = { range: 'bytes=100-2000099' };
    const part = await (await call('GET', `/v2/a/b/blobs/${digest}`, { headers: range })).text();
    expect(part).toBe(LARGE.slice(100, 2_000_100));
  });

  it('what the client has is not sent again, and a range of another content is the whole one', async () => {
    const blob = await pushBlob(call, '0123456789');
    const manifest = await pushManifest(call, 'v1');
    const list = (await call('GET', '/v2/a/b/tags/list')).headers.get('etag') ?? '';
    const cases = [
      [`/v2/a/b/blobs/${blob}`, `"${blob}"`],
      [`/v2/a/b/blobs/${blob}`, `"other", W/"${blob}"`],
      [`/v2/a/b/blobs/${blob}`, '*'],
      ['/v2/a/b/manifests/v1', `"${manifest}"`],
      ['/v2/a/b/tags/list', list],
    ] as const;
    for (const [path, tag] of cases) {
      expect((await call('GET', path, { headers: { 'if-none-match': tag } })).status, `${path} ${tag}`).toBe(304);
      expect((await call('GET', path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
    }
    const headers = { range: 'bytes=2-4', 'if-range': '"other"' };
    expect((await call('GET', `/v2/a/b/blobs/${blob}`, { headers })).status).toBe(200);
    const same = { range: 'bytes=2-4', 'if-range': `"${blob}"` };
    expect((await call('GET', `/v2/a/b/blobs/${blob}`, { headers: same })).status).toBe(206);
  });

  it('an upload tells its state, takes chunks in order only, goes on, and ends', async () => {
    const place = (await call('POST', '/v2/a/b/blobs/uploads/')).headers.get('location') ?? '';
    const chunk = (range: string, body: string): Promise<Response> =>
      call('PATCH', place, { body, headers: { 'content-range': range } });
    expect((await chunk('0-2', 'abc')).status).toBe(202);
    for (const wrong of ['0-2', '4-6', '3-9', 'bytes 3-5', '5-3']) {
      const refused = await chunk(wrong, 'def');
      expect([refused.status, refused.headers.get('range')], wrong).toEqual([416, '0-2']);
    }
    const state = await call('GET', place);
    expect([state.status, state.headers.get('range'), state.headers.get('location')]).toEqual([204, '0-2', place]);
    expect((await chunk('3-5', 'def')).headers.get('range')).toBe('0-5');
    const digest = digestOf('abcdefghi');
    const last = await call('PUT', `${place}?digest=${digest}`, { body: 'ghi', headers: { 'content-range': '6-8' } });
    expect([last.status, last.headers.get('docker-content-digest')]).toEqual([201, digest]);
    expect((await call('GET', place)).status).toBe(404);
    expect(await (await call('GET', `/v2/a/b/blobs/${digest}`)).text()).toBe('abcdefghi');
  });

  it('an upload is given up, or refused where its bytes are others', async () => {
    const cancelled = (await call('POST', '/v2/a/b/blobs/uploads/')).headers.get('location') ?? '';
    expect((await call('DELETE', cancelled)).status).toBe(204);
    for (const method of ['GET', 'PATCH', 'DELETE']) expect((await call(method, cancelled)).status).toBe(404);
    const wrong = (await call('POST', '/v2/a/b/blobs/uploads/')).headers.get('location') ?? '';
    const refused = await call('PUT', `${wrong}?digest=${digestOf('right')}`, { body: 'wrong' });
    expect([refused.status, await codeOf(refused)]).toEqual([400, 'DIGEST_INVALID']);
    expect((await call('GET', wrong)).status).toBe(404);
    expect((await call('PUT', `${cancelled}?digest=sha256:x`)).status).toBe(400);
  });

  it('sha512 is as good as sha256', async () => {
    const digest = digestOf('content', 'sha512');
    const place = (await call('POST', '/v2/a/b/blobs/uploads/')).headers.get('location') ?? '';
    expect((await call('PUT', `${place}?digest=${digest}`, { body: 'content' })).status).toBe(201);
    expect(await (await call('GET', `/v2/a/b/blobs/${digest}`)).text()).toBe('content');
    const refused = await call('POST', `/v2/a/b/blobs/uploads/?digest=${digest}`, { body: 'other' });
    expect(refused.status).toBe(400);
  });

  it('a mount needs no source: every repository is looked into', async () => {
    const digest = await pushBlob(call, 'shared');
    expect((await call('POST', `/v2/c/d/blobs/uploads/?mount=${digest}`)).status).toBe(201);
    await call('DELETE', `/v2/a/b/blobs/${digest}`);
    expect(await (await call('GET', `/v2/c/d/blobs/${digest}`)).text()).toBe('shared');
    expect((await call('POST', `/v2/c/d/blobs/uploads/?mount=${digestOf('none')}`)).status).toBe(202);
  });

  it('lists come in pages by Link', async () => {
    const subject = { mediaType: MANIFEST, digest: digestOf('subject'), size: 7 };
    const names = ['a', 'b', 'c', 'd', 'e'];
    const digests = [];
    for (const name of names)
      digests.push(await pushManifest(call, name, { subject, artifactType: 'a/a', annotations: { name } }));
    const read = async (first: string, member: 'tags' | 'manifests'): Promise<unknown[]> => {
      const found: unknown[] = [];
      for (let next: string | undefined = first; next !== undefined;) {
        const answer: Response = await call('GET', next);
        const page = ((await answer.json()) as Record<string, unknown[]>)[member] ?? [];
        expect(page.length).toBeLessThanOrEqual(2);
        found.push(...page);
        next = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
      }
      return found;
    };
    expect(await read('/v2/a/b/tags/list?n=2', 'tags')).toEqual(names);
    expect(await read('/v2/a/b/tags/list?n=2&last=b', 'tags')).toEqual(['c', 'd', 'e']);
    const referrers = await read(`/v2/a/b/referrers/${subject.digest}?n=2&artifactType=a/a`, 'manifests');
    expect(referrers.map((one) => (one as { digest: string }).digest)).toEqual(digests.toSorted());
    expect(await (await call('GET', '/v2/a/b/tags/list?n=0')).json()).toEqual({ name: 'a/b', tags: [] });
    expect(await (await call('GET', '/v2/_catalog?n=1')).json()).toEqual({ repositories: ['a/b'] });
  });

  it('manifests over 4 MiB are refused', async () => {
    const body = ' '.repeat(4 * 1024 * 1024 + 1);
    const refused = await call('PUT', '/v2/a/b/manifests/v1', { body, headers: { 'content-type': MANIFEST } });
    expect([refused.status, await codeOf(refused)]).toEqual([413, 'SIZE_INVALID']);
  });
});
