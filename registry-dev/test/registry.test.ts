import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry, type Registry, type RegistryOptions } from '../src/index.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
let folder: string;
let registry: Registry;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'registry-dev-'));
  registry = await createRegistry({ root: folder });
});
afterEach(async () => {
  await registry.close();
  rmSync(folder, { recursive: true, force: true });
});

async function reopen(options: Partial<RegistryOptions>): Promise<void> {
  await registry.close();
  registry = await createRegistry({ root: folder, ...options });
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

function call(
  method: string,
  path: string,
  init: { body?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  return fetch(`${registry.url}${path}`, { method, ...init });
}

async function pushBlob(text: string): Promise<string> {
  const digest = digestOf(text);
  const { status } = await call('POST', `/v2/a/b/blobs/uploads/?digest=${digest}`, { body: text });
  expect(status).toBe(201);
  return digest;
}

async function pushManifest(reference: string, more: object = {}): Promise<string> {
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: await pushBlob('{}'), size: 2 };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [config], ...more });
  const { status } = await call('PUT', `/v2/a/b/manifests/${reference}`, {
    body,
    headers: { 'content-type': MANIFEST },
  });
  expect(status).toBe(201);
  return digestOf(body);
}

describe('blobs', () => {
  it('come back whole and in ranges', async () => {
    const digest = await pushBlob('0123456789');
    expect(await (await call('GET', `/v2/a/b/blobs/${digest}`)).text()).toBe('0123456789');
    const part = await call('GET', `/v2/a/b/blobs/${digest}`, { headers: { range: 'bytes=2-4' } });
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([206, 'bytes 2-4/10', '234']);
    expect((await call('GET', `/v2/a/b/blobs/${digest}`, { headers: { range: 'bytes=10-' } })).status).toBe(416);
  });

  it('are refused where the digest is another one, and are then not there', async () => {
    const digest = digestOf('right');
    expect((await call('POST', `/v2/a/b/blobs/uploads/?digest=${digest}`, { body: 'wrong' })).status).toBe(400);
    expect((await call('HEAD', `/v2/a/b/blobs/${digest}`)).status).toBe(404);
  });

  it('can be uploaded in chunks, in order only', async () => {
    const location = (await call('POST', '/v2/a/b/blobs/uploads/')).headers.get('location') ?? '';
    const first = await call('PATCH', location, { body: 'abc', headers: { 'content-range': '0-2' } });
    expect([first.status, first.headers.get('range')]).toEqual([202, '0-2']);
    expect((await call('PATCH', location, { body: 'xyz', headers: { 'content-range': '5-7' } })).status).toBe(416);
    expect((await call('PUT', `${location}?digest=${digestOf('abcdef')}`, { body: 'def' })).status).toBe(201);
  });

  it('are mounted from another repository', async () => {
    const digest = await pushBlob('shared');
    expect((await call('POST', `/v2/c/d/blobs/uploads/?mount=${digest}&from=a/b`)).status).toBe(201);
    expect(await (await call('GET', `/v2/c/d/blobs/${digest}`)).text()).toBe('shared');
    expect((await call('POST', `/v2/c/d/blobs/uploads/?mount=${digestOf('none')}&from=a/b`)).status).toBe(202);
  });

  it('outlive the registry', async () => {
    const digest = await pushBlob('kept');
    await reopen({});
    expect(await (await call('GET', `/v2/a/b/blobs/${digest}`)).text()).toBe('kept');
  });
});

describe('manifests', () => {
  it('come back by tag and digest, and are listed', async () => {
    const digest = await pushManifest('v1');
    for (const reference of ['v1', digest]) {
      const found = await call('GET', `/v2/a/b/manifests/${reference}`);
      expect([found.status, found.headers.get('docker-content-digest')]).toEqual([200, digest]);
    }
    await pushManifest('v2');
    expect(await (await call('GET', '/v2/a/b/tags/list')).json()).toEqual({ name: 'a/b', tags: ['v1', 'v2'] });
    const page = await call('GET', '/v2/a/b/tags/list?n=1');
    expect(await page.json()).toEqual({ name: 'a/b', tags: ['v1'] });
    expect(page.headers.get('link')).toContain('last=v1');
  });

  it('need their blobs', async () => {
    const config = { mediaType: 'application/octet-stream', digest: digestOf('missing'), size: 7 };
    const body = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [] });
    const refused = await call('PUT', '/v2/a/b/manifests/v1', { body, headers: { 'content-type': MANIFEST } });
    expect(await refused.json()).toMatchObject({ errors: [{ code: 'MANIFEST_BLOB_UNKNOWN' }] });
  });

  it('with a subject are its referrers, filtered by type', async () => {
    const subject = await pushManifest('v1');
    const descriptor = { mediaType: MANIFEST, digest: subject, size: 1 };
    const type = 'application/vnd.example.signature';
    const signature = await pushManifest('s', { subject: descriptor, artifactType: type });
    await pushManifest('t', { subject: descriptor, artifactType: 'application/vnd.example.other' });
    const filtered = await call('GET', `/v2/a/b/referrers/${subject}?artifactType=${type}`);
    expect(filtered.headers.get('oci-filters-applied')).toBe('artifactType');
    expect(await filtered.json()).toMatchObject({ manifests: [{ digest: signature }] });
    await reopen({ referrersApi: false });
    expect((await call('GET', `/v2/a/b/referrers/${subject}`)).status).toBe(404);
  });

  it('go with their tags when they are deleted', async () => {
    const digest = await pushManifest('v1');
    expect((await call('DELETE', `/v2/a/b/manifests/${digest}`)).status).toBe(202);
    expect((await call('GET', '/v2/a/b/manifests/v1')).status).toBe(404);
  });
});

describe('what is not allowed', () => {
  it('read-only registries take nothing', async () => {
    await reopen({ readOnly: true });
    expect((await call('POST', '/v2/a/b/blobs/uploads/')).status).toBe(405);
  });

  it('users are asked for their password', async () => {
    await reopen({ users: { someone: 'secret' } });
    const refused = await call('GET', '/v2/');
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Basic')]);
    const authorization = `Basic ${Buffer.from('someone:secret').toString('base64')}`;
    expect((await call('GET', '/v2/', { headers: { authorization } })).status).toBe(200);
  });

  const tricks = [
    '/v2/../../etc/passwd',
    '/v2/a/%2e%2e/b/blobs/x',
    '/v2/A/b/tags/list',
    '/v2/a/b/manifests/..%2f..%2fx',
  ];
  it.each(tricks)('the path %s leads nowhere', async (path) => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const { hostname, port } = new URL(registry.url);
      // A client that does not tidy paths up.
      const request = httpRequest({ hostname, port, path }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject).end();
    });
    expect([400, 404]).toContain(status);
  });
});
