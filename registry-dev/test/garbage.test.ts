import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collectGarbage, createRegistry, type Registry } from '../src/index.ts';
import {
  type Call,
  callerOf,
  digestOf,
  EMPTY,
  MANIFEST,
  manifestOf,
  pushBlob,
  pushManifest,
  putManifest,
} from './client.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';
let folder: string;
let registry: Registry;
let call: Call;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'registry-garbage-'));
});
afterEach(async () => {
  await registry.close();
  rmSync(folder, { recursive: true, force: true });
});

async function isThere(kind: 'blobs' | 'manifests', digest: string): Promise<boolean> {
  return (await call('HEAD', `/v2/a/b/${kind}/${digest}`)).status === 200;
}

describe.each([
  ['in a folder', true],
  ['in memory', false],
])('garbage %s', (_, onDisk) => {
  beforeEach(async () => {
    registry = await createRegistry(onDisk ? { root: folder } : {});
    call = callerOf(registry.url);
  });

  it('is what no manifest refers to, when it is old enough', async () => {
    await pushManifest(call, 'v1');
    const lonely = await pushBlob(call, 'nobody wants it');
    await call('POST', '/v2/a/b/blobs/uploads/');
    expect(await registry.collectGarbage()).toEqual({ manifests: 0, blobs: 0, uploads: 0, bytes: 0 });
    const all = { minAge: 0, uploadAge: 0 };
    const expected = { manifests: 0, blobs: 1, uploads: 1, bytes: 15 };
    expect(await registry.collectGarbage({ ...all, dryRun: true })).toEqual(expected);
    expect(await isThere('blobs', lonely)).toBe(true);
    expect(await registry.collectGarbage(all)).toEqual(expected);
    expect(await isThere('blobs', lonely)).toBe(false);
    expect(await isThere('blobs', EMPTY)).toBe(true);
  });

  it('is manifests without a tag where that is asked for, but not what tagged ones lead to', async () => {
    const child = await pushManifest(call, digestOf(manifestOf({ annotations: { is: 'in an index' } })), {
      annotations: { is: 'in an index' },
    });
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [{ mediaType: MANIFEST, digest: child, size: 1 }],
    });
    await call('PUT', '/v2/a/b/manifests/all', { body: index, headers: { 'content-type': INDEX } });
    const subject = { subject: { mediaType: MANIFEST, digest: child, size: 1 } };
    const referrer = digestOf(manifestOf(subject));
    await putManifest(call, referrer, manifestOf(subject));
    const old = await pushManifest(call, 'v1');
    await pushManifest(call, 'v1', { annotations: { is: 'newer' } });

    expect(await registry.collectGarbage({ minAge: 0 })).toMatchObject({ manifests: 0, blobs: 0 });
    expect(await registry.collectGarbage({ minAge: 0, untagged: true })).toMatchObject({ manifests: 1, blobs: 0 });
    expect(await isThere('manifests', old)).toBe(false);
    for (const kept of [child, referrer, 'all', 'v1']) expect(await isThere('manifests', kept), kept).toBe(true);
    await call('DELETE', '/v2/a/b/manifests/all');
    expect(await registry.collectGarbage({ minAge: 0, untagged: true })).toMatchObject({ manifests: 3 });
  });

  it('is a repository’s own: a mounted blob stays where it is needed', async () => {
    await pushManifest(call, 'v1');
    await pushBlob(call, '{}', 'c/d');
    await call('POST', `/v2/e/f/blobs/uploads/?mount=${EMPTY}&from=a/b`);
    expect(await registry.collectGarbage({ minAge: 0 })).toMatchObject({ blobs: 2 });
    expect(await isThere('blobs', EMPTY)).toBe(true);
  });
});

it('is collected from a folder that no registry serves', async () => {
  registry = await createRegistry({ root: folder });
  call = callerOf(registry.url);
  await pushBlob(call, 'nobody wants it');
  await registry.close();
  expect(await collectGarbage(folder, { minAge: 0 })).toMatchObject({ blobs: 1, bytes: 15 });
  registry = await createRegistry({ root: folder });
  // Folders in which nothing is are gone with the next start.
  expect((await (await callerOf(registry.url)('GET', '/v2/_catalog')).json()) as object).toEqual({ repositories: [] });
});
