import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  buildManifest,
  type Descriptor,
  EMPTY_DESCRIPTOR,
  fetchBytes,
  fetchManifest,
  type ImageIndex,
  type Manifest,
  MEDIA_TYPE_UNKNOWN_CONFIG,
  MemoryStore,
  packIndex,
  packManifest,
  type PackOptions,
  pushBytes,
} from '../src/index.ts';

const TYPE = 'application/vnd.example.v1';
const config: Descriptor = { mediaType: 'application/vnd.example.config', digest: `sha256:${'1'.repeat(64)}`, size: 3 };

afterEach(() => vi.unstubAllEnvs());

const manifestOf = (options: PackOptions): Manifest => buildManifest(options).manifest;

const timeOf = (created?: Date | 'now'): string | undefined =>
  manifestOf({ artifactType: TYPE, ...(created ? { created } : {}) }).annotations?.['org.opencontainers.image.created'];

describe('packManifest', () => {
  it('writes version 1.1: type, empty config and layer, subject, annotations', async () => {
    const store = new MemoryStore();
    const subject = await packManifest(store, { artifactType: TYPE });
    const descriptor = await packManifest(store, { artifactType: TYPE, subject, annotations: { b: '2', a: '1' } });
    const { manifest, bytes } = await fetchManifest(store, descriptor);
    expect(manifest).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: TYPE,
      config: EMPTY_DESCRIPTOR,
      layers: [EMPTY_DESCRIPTOR],
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
      annotations: { a: '1', b: '2' },
    });
    expect(Buffer.from(bytes).toString()).toContain('"annotations":{"a":"1","b":"2"}');
    expect(descriptor.artifactType).toBe(TYPE);
    expect(Buffer.from(await fetchBytes(store, EMPTY_DESCRIPTOR)).toString()).toBe('{}');
  });

  it('writes version 1.0: the type in the config, no layer, no artifactType', async () => {
    const store = new MemoryStore();
    const descriptor = await packManifest(store, { version: '1.0', artifactType: TYPE, configAnnotations: { a: '1' } });
    const { manifest } = await fetchManifest(store, descriptor);
    expect(manifest).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { ...EMPTY_DESCRIPTOR, mediaType: TYPE, annotations: { a: '1' } },
      layers: [],
    });
    expect(descriptor.artifactType).toBe(TYPE);
    expect(await store.exists((manifest as Manifest).config)).toBe(true);
    expect(manifestOf({ version: '1.0' }).config.mediaType).toBe(MEDIA_TYPE_UNKNOWN_CONFIG);
    expect(manifestOf({ version: '1.0', artifactType: TYPE, config }).config).toEqual(config);
  });

  it('takes a config that says what the artifact is, instead of an artifact type', () => {
    const { manifest, descriptor } = buildManifest({ config });
    expect(manifest).toMatchObject({ config, layers: [EMPTY_DESCRIPTOR] });
    expect([manifest.artifactType, descriptor.artifactType]).toEqual([undefined, undefined]);
  });

  it.each<[string, PackOptions]>([
    ['no type at all', {}],
    ['an empty config without a type', { config: EMPTY_DESCRIPTOR }],
    ['a subject in version 1.0', { version: '1.0', artifactType: TYPE, subject: config }],
    ['a config that has no media type', { artifactType: TYPE, config: { ...config, mediaType: 'x' } }],
    ['more than registries take', { artifactType: TYPE, annotations: { a: 'x'.repeat(4 * 1024 * 1024) } }],
    ['a time that is none', { artifactType: TYPE, created: new Date(Number.NaN) }],
  ])('refuses %s', (_what, options) => {
    expect(() => buildManifest(options)).toThrow(
      expect.objectContaining({ code: 'ERR_OCI_INVALID_MANIFEST' }) as Error,
    );
  });

  it('writes a time only when asked, and that of SOURCE_DATE_EPOCH where there is one', () => {
    vi.stubEnv('SOURCE_DATE_EPOCH', '86400');
    expect(timeOf()).toBeUndefined();
    expect(timeOf('now')).toBe('1970-01-02T00:00:00Z');
    expect(timeOf(new Date(0))).toBe('1970-01-01T00:00:00Z');
    vi.stubEnv('SOURCE_DATE_EPOCH', 'yesterday');
    expect(() => timeOf('now')).toThrow(/SOURCE_DATE_EPOCH/);
  });

  it('keeps in descriptors what strict registries take, and no more', () => {
    const rich = { ...config, platform: { os: 'linux', architecture: 'amd64' }, data: 'e30=', urls: ['https://x'] };
    const {
      config: written,
      layers,
      subject,
    } = manifestOf({ artifactType: TYPE, config: rich, layers: [rich], subject: rich });
    for (const part of [written, layers[0], subject]) expect(part).toEqual(config);
  });
});

describe('packIndex', () => {
  it('keeps platforms and types of its entries, their order, and takes indexes', async () => {
    const store = new MemoryStore();
    const layer = await pushBytes(store, 'a/b', Buffer.from('x'));
    const platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };
    const image = { ...(await packManifest(store, { artifactType: TYPE, layers: [layer] })), platform };
    const inner = await packIndex(store, { manifests: [image] });
    const root = await packIndex(store, { artifactType: TYPE, manifests: [inner, image], annotations: { a: '1' } });
    const { manifest } = await fetchManifest(store, root);
    expect(manifest).toMatchObject({
      artifactType: TYPE,
      manifests: [{ digest: inner.digest }, { digest: image.digest, platform, artifactType: TYPE }],
      annotations: { a: '1' },
    });
    expect((manifest as ImageIndex).manifests).toHaveLength(2);
  });
});
