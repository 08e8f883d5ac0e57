import { afterEach, describe, expect, it } from 'vitest';
import { type Behaviour, BEHAVIOURS, type BehaviourName, createRegistry, type Registry } from '../src/index.ts';
import {
  type Call,
  callerOf,
  codeOf,
  digestOf,
  EMPTY,
  MANIFEST,
  manifestOf,
  pushBlob,
  pushManifest,
  putManifest,
} from './client.ts';

let registry: Registry;
let call: Call;
afterEach(() => registry.close());

async function start(behaviour: Behaviour | BehaviourName): Promise<void> {
  registry = await createRegistry({ behaviour });
  call = callerOf(registry.url);
}

async function openUpload(): Promise<string> {
  const answer = await call('POST', '/v2/a/b/blobs/uploads/');
  return answer.headers.get('location') ?? '';
}

const SUBJECT = { mediaType: MANIFEST, digest: digestOf('gone'), size: 4 };
const ARTIFACT = { artifactType: 'application/vnd.example' };
const IMAGE = {
  config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: EMPTY, size: 2 },
};

describe('registries without a list of referrers', () => {
  it('do not have it, and do not say that they list a subject', async () => {
    await start({ referrersApi: false });
    await pushBlob(call, '{}');
    const pushed = await putManifest(call, 'v1', manifestOf({ subject: SUBJECT }));
    expect([pushed.status, pushed.headers.get('oci-subject')]).toEqual([201, null]);
    expect((await call('GET', `/v2/a/b/referrers/${SUBJECT.digest}`)).status).toBe(404);
  });

  it('may say so all the same, as has been seen', async () => {
    await start({ referrersApi: false, subjectHeader: true });
    await pushBlob(call, '{}');
    const pushed = await putManifest(call, 'v1', manifestOf({ subject: SUBJECT }));
    expect(pushed.headers.get('oci-subject')).toBe(SUBJECT.digest);
  });

  it('may answer with a web page', async () => {
    await start({ referrersApi: 'page' });
    const answer = await call('GET', `/v2/a/b/referrers/${SUBJECT.digest}`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  });

  it('may not filter it', async () => {
    await start({ referrersFilter: false });
    await pushManifest(call, 'v1', { subject: SUBJECT });
    const answer = await call('GET', `/v2/a/b/referrers/${SUBJECT.digest}?artifactType=none/such`);
    expect(answer.headers.get('oci-filters-applied')).toBeNull();
    expect(await answer.json()).toMatchObject({ manifests: [{}] });
  });
});

describe('registries that look into manifests', () => {
  it('like GitLab refuse types that they do not know', async () => {
    await start('gitlab');
    await pushBlob(call, '{}');
    const refused = await putManifest(call, 'v1', manifestOf(ARTIFACT));
    expect([refused.status, await codeOf(refused)]).toEqual([400, 'MANIFEST_INVALID']);
    expect((await putManifest(call, 'v1', manifestOf(IMAGE))).status).toBe(201);
  });

  it('like ECR refuse other members of descriptors', async () => {
    await start('ecr');
    await pushBlob(call, '{}');
    const platform = { ...SUBJECT, platform: { os: 'linux', architecture: 'amd64' } };
    expect((await putManifest(call, 'v1', manifestOf({ subject: platform }))).status).toBe(405);
    expect((await putManifest(call, 'v1', manifestOf({ subject: SUBJECT }))).status).toBe(201);
  });

  it('may take manifests without their blobs', async () => {
    await start({ incompleteManifests: true });
    expect((await putManifest(call, 'v1', manifestOf())).status).toBe(201);
  });
});

describe('rules for uploads', () => {
  it('like GHCR: no PATCH over a limit, with or without a length', async () => {
    await start({ patchLimit: 4 });
    const place = await openUpload();
    expect((await call('PATCH', place, { body: '12345' })).status).toBe(416);
    expect((await call('PATCH', place, { body: '1234' })).status).toBe(202);
    expect(BEHAVIOURS.ghcr.patchLimit).toBe(4 * 1024 * 1024);
  });

  it('like GAR: one PATCH at most', async () => {
    await start('gar');
    const place = await openUpload();
    expect((await call('PATCH', place, { body: '123' })).status).toBe(202);
    expect((await call('PATCH', place, { body: '456' })).status).toBe(405);
    expect((await call('GET', place)).status).toBe(404);
    expect((await call('PUT', `${place}?digest=${digestOf('123')}`)).status).toBe(201);
  });

  it('like ECR: 201 and the range from before', async () => {
    await start({ patchStatus: 201, staleRange: true, chunkMinLength: 3 });
    const begun = await call('POST', '/v2/a/b/blobs/uploads/');
    expect(begun.headers.get('oci-chunk-min-length')).toBe('3');
    const place = begun.headers.get('location') ?? '';
    const first = await call('PATCH', place, { body: '123' });
    expect([first.status, first.headers.get('range')]).toEqual([201, '0-0']);
    expect((await call('PATCH', place, { body: '456' })).headers.get('range')).toBe('0-2');
    const short = await openUpload();
    await call('PATCH', short, { body: '1' });
    expect((await call('PATCH', short, { body: '2' })).status).toBe(400);
  });

  it('like ACR: no whole blob over a limit, but chunks', async () => {
    await start({ putLimit: 4 });
    const digest = digestOf('12345');
    expect((await call('PUT', `${await openUpload()}?digest=${digest}`, { body: '12345' })).status).toBe(413);
    expect((await call('POST', `/v2/a/b/blobs/uploads/?digest=${digest}`, { body: '12345' })).status).toBe(413);
    const place = await openUpload();
    await call('PATCH', place, { body: '12345' });
    expect((await call('PUT', `${place}?digest=${digest}`)).status).toBe(201);
  });

  it.each([
    ['any', 201, 201],
    ['from', 201, 202],
    ['none', 202, 202],
  ] as const)('mounts: %s', async (mounts, withFrom, without) => {
    await start({ mounts });
    const digest = await pushBlob(call, 'mounted');
    expect((await call('POST', `/v2/c/d/blobs/uploads/?mount=${digest}&from=a/b`)).status).toBe(withFrom);
    expect((await call('POST', `/v2/e/f/blobs/uploads/?mount=${digest}`)).status).toBe(without);
  });

  it('into repositories that exist only', async () => {
    await start({ repositories: ['a/b'] });
    await pushBlob(call, 'x');
    const refused = await call('POST', '/v2/c/d/blobs/uploads/');
    expect([refused.status, await codeOf(refused)]).toEqual([404, 'NAME_UNKNOWN']);
  });
});

describe('what may be missing', () => {
  it('HEAD, ranges, digests of answers, the catalog, deletion, sha512', async () => {
    await start({ head: false, ranges: false, digestHeader: false, catalog: false, deletion: false, sha512: false });
    const digest = await pushBlob(call, '0123456789');
    expect((await call('HEAD', `/v2/a/b/blobs/${digest}`)).status).toBe(405);
    const whole = await call('GET', `/v2/a/b/blobs/${digest}`, { headers: { range: 'bytes=2-4' } });
    expect([whole.status, await whole.text(), whole.headers.get('docker-content-digest')]).toEqual([
      200,
      '0123456789',
      null,
    ]);
    expect((await call('GET', '/v2/_catalog')).status).toBe(404);
    expect((await call('DELETE', `/v2/a/b/blobs/${digest}`)).status).toBe(405);
    const long = digestOf('x', 'sha512');
    expect((await call('POST', `/v2/a/b/blobs/uploads/?digest=${long}`, { body: 'x' })).status).toBe(400);
  });

  it('pages of tags that begin anew, in distribution 2.8', async () => {
    await start('distribution-2.8');
    await pushManifest(call, 'v1');
    await pushManifest(call, 'v2');
    expect(await (await call('GET', '/v2/a/b/tags/list?n=2&last=v1')).json()).toMatchObject({ tags: ['v1', 'v2'] });
  });
});

describe('what may be sent in addition', () => {
  it('warnings, on every answer', async () => {
    await start({ warnings: ['this "registry" ends', 'soon'] });
    const answer = await call('GET', '/v2/');
    expect(answer.headers.get('warning')).toBe('299 - "this \\"registry\\" ends", 299 - "soon"');
  });

  it('limits of pulls, like Docker Hub: HEAD does not count', async () => {
    await start({ rateLimit: { pulls: 2, seconds: 21_600 } });
    await pushManifest(call, 'v1');
    const pull = (method: string): Promise<Response> => call(method, '/v2/a/b/manifests/v1');
    expect((await pull('HEAD')).headers.get('ratelimit-remaining')).toBeNull();
    expect((await pull('GET')).headers.get('ratelimit-remaining')).toBe('1;w=21600');
    expect((await pull('GET')).headers.get('ratelimit-limit')).toBe('2;w=21600');
    const refused = await pull('GET');
    expect([refused.status, await codeOf(refused)]).toEqual([429, 'TOOMANYREQUESTS']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

it('a name that is none is refused with those that are', async () => {
  registry = await createRegistry();
  await expect(createRegistry({ behaviour: 'hub' as BehaviourName })).rejects.toThrow(/docker-hub, ghcr, ecr/);
});
