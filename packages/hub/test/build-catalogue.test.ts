import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ARTIFACT_TYPE_SERVICE, MEDIA_TYPE_BTF_INDEX, parseCatalogue } from '@bpfship/media-types';
import { type Descriptor, MemoryStore, packManifest, pushBytes, Repository } from '@bpfship/oras-client';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import { buildCatalogue, type SignerLookup } from '../src/build-catalogue.ts';
import { fetchCatalogue, publishCatalogue } from '../src/publish.ts';
import { indexOf, pushCompatiblePackage, pushPackage } from './support/package.ts';

let folder: string;
let registry: Registry;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bpfship-hub-'));
  registry = await createRegistry({ root: join(folder, 'registry') });
});
afterAll(async () => {
  for (const repository of opened) await repository[Symbol.asyncDispose]();
  await registry.close();
  rmSync(folder, { recursive: true, force: true });
});

const CREATED = '2026-01-02T03:04:05Z';

/** Refuses what a test marked as unsigned. */
class Unsigned extends Error {
  readonly code = 'ERR_TRUST_NO_SIGNATURE';
}

function signedBut(refused: ReadonlySet<string>): SignerLookup {
  return async (_, { digest }) => {
    if (refused.has(digest)) throw new Unsigned('nobody signed it');
    return ['b-key', 'a-key'];
  };
}

async function build(repositories: string[], refused: readonly string[] = []): ReturnType<typeof buildCatalogue> {
  return buildCatalogue({
    name: 'acme',
    created: CREATED,
    repositories: repositories.map((repository) => ({ registry: registry.host, repository })),
    signersOf: signedBut(new Set(refused)),
  });
}

const opened: Repository[] = [];
function open(name: string): Repository {
  const repository = new Repository({ registry: registry.host, repository: name });
  opened.push(repository);
  return repository;
}

describe('building a catalogue', () => {
  it('says the same of a package in the compatible form, and leaves ordinary images out', async () => {
    const [standard, compatible] = [open('acme/standard'), open('acme/compatible')];
    await pushPackage(standard, { version: '1.0.0' });
    const { digest } = await pushCompatiblePackage(compatible, { version: '1.0.0' });
    const config = await pushBytes(compatible, 'application/vnd.oci.image.config.v1+json', Buffer.from('{}'));
    await compatible.tag(await packManifest(compatible, { config }), 'image');
    const { catalogue, skipped } = await build(['acme/standard', 'acme/compatible']);
    expect(skipped).toEqual([]);
    const [one, two] = catalogue.entries.toSorted((a, b) => (a.repository < b.repository ? -1 : 1));
    expect(one?.digest).toBe(digest);
    expect({ ...two, digest, repository: one?.repository }).toEqual(one);
  });

  it('lists what is signed and well formed, and names the rest', async () => {
    const repository = open('acme/mixed');
    const good = await pushPackage(repository, { version: '1.0.0' });
    await repository.tag(good, 'stable');
    const unsigned = await pushPackage(repository, { version: '1.1.0' });
    await pushMalformed(repository, '2.0.0', Buffer.from('{"schemaVersion":1}'));
    await pushMalformed(repository, '3.0.0', Buffer.from('not JSON \u001b[2J'));
    await packAndTag(repository, 'application/vnd.example.other', 'other');

    const { catalogue, skipped } = await build(['acme/mixed'], [unsigned.digest]);
    expect(catalogue.entries).toMatchObject([
      {
        name: 'exec-watch',
        version: '1.0.0',
        digest: good.digest,
        tags: ['1.0.0', 'stable'],
        signers: ['a-key', 'b-key'],
      },
    ]);
    const left = new Set(skipped.map(({ reference }) => reference.split(':').at(-1)));
    expect(left).toEqual(new Set(['1.1.0', '2.0.0', '3.0.0']));
    expect(skipped.find(({ reference }) => reference.endsWith('1.1.0'))?.reason).toBe('nobody signed it');
    expect(parseCatalogue(Buffer.from(JSON.stringify(catalogue)))).toEqual(catalogue);
  });

  it('is the same whatever the order of repositories and tags', async () => {
    for (const name of ['acme/one', 'acme/two']) {
      const repository = open(name);
      for (const version of ['1.0.0', '1.2.0', '1.1.0']) await pushPackage(repository, { version });
    }
    const [a, b] = [await build(['acme/one', 'acme/two']), await build(['acme/two', 'acme/one'])];
    expect(a.catalogue).toEqual(b.catalogue);
    const stores = [new MemoryStore(), new MemoryStore()] as const;
    const first = await publishCatalogue(stores[0], a.catalogue, 'latest');
    const second = await publishCatalogue(stores[1], b.catalogue, 'latest');
    expect(first.digest).toBe(second.digest);
    const other = await publishCatalogue(stores[1], { ...b.catalogue, created: '2026-01-02T03:04:06Z' }, 'later');
    expect(other.digest).not.toBe(first.digest);
  });

  it('stops where a registry fails, so that no catalogue is silently short', async () => {
    await expect(build(['acme/nothing'])).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    const down = buildCatalogue({
      name: 'x',
      created: CREATED,
      repositories: [{ registry: '127.0.0.1:1', repository: 'a/b' }],
      signersOf: signedBut(new Set()),
    });
    await expect(down).rejects.toMatchObject({ code: 'ERR_OCI_UNREACHABLE' });
  });
});

describe('fetching a catalogue', () => {
  it('asks the verifier first, and takes nothing that it refuses', async () => {
    const store = new MemoryStore();
    const { catalogue } = await build(['acme/one']);
    const descriptor = await publishCatalogue(store, catalogue, 'latest');
    const asked: string[] = [];
    const fetched = await fetchCatalogue(store, 'latest', async ({ digest }) => void asked.push(digest));
    expect([fetched.catalogue, asked]).toEqual([catalogue, [descriptor.digest]]);
    const refusing = fetchCatalogue(store, 'latest', async () => {
      throw new Unsigned('nobody signed it');
    });
    await expect(refusing).rejects.toThrow('nobody signed it');
  });

  it('refuses other artifacts', async () => {
    const repository = open('acme/other');
    await pushPackage(repository, { version: '1.0.0' });
    await expect(fetchCatalogue(repository, '1.0.0', async () => undefined)).rejects.toMatchObject({
      code: 'ERR_HUB_NOT_A_CATALOGUE',
    });
  });
});

async function pushMalformed(repository: Repository, tag: string, index: Buffer): Promise<Descriptor> {
  const config = await pushBytes(repository, MEDIA_TYPE_BTF_INDEX, index);
  return packAndTag(repository, ARTIFACT_TYPE_SERVICE, tag, config);
}

async function packAndTag(
  repository: Repository,
  artifactType: string,
  tag: string,
  config?: Descriptor,
): Promise<Descriptor> {
  const descriptor = await packManifest(repository, { artifactType, ...(config === undefined ? {} : { config }) });
  await repository.tag(descriptor, tag);
  return descriptor;
}

describe('the fixture', () => {
  it('is a well-formed index', () => {
    expect(indexOf({ version: '1.0.0' }).version).toBe('1.0.0');
  });
});
