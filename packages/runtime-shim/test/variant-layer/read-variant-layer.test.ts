import { createHash } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { MEDIA_TYPE_VARIANT_GZIP, MEDIA_TYPE_VARIANT_ZSTD, type Variant } from '@bpfship/media-types';
import { type Header, pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { type LayerDescriptor, readVariantLayer } from '../../src/variant-layer/read-variant-layer.ts';

type Entry = Partial<Header> & { name: string; content?: string };

const OBJECT: Entry = { name: 'demo.bpf.o', content: 'an ELF object' };

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = '', ...header } of entries) archive.entry({ type: 'file', ...header }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function describeLayer(bytes: Uint8Array, mediaType: string = MEDIA_TYPE_VARIANT_GZIP): LayerDescriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function variantOf(layer: LayerDescriptor, object: string = OBJECT.content ?? ''): Variant {
  return {
    name: 'demo',
    layer: layer.digest,
    platform: { byteOrder: 'little' },
    object: { path: 'demo.bpf.o', digest: digestOf(Buffer.from(object)), size: object.length },
    license: 'GPL',
    programs: [],
    maps: [],
    requirements: [],
  };
}

async function readEntries(entries: readonly Entry[]): Promise<Uint8Array> {
  const bytes = gzipSync(await tarOf(entries));
  const layer = describeLayer(bytes);
  return readVariantLayer(bytes, layer, variantOf(layer));
}

describe('readVariantLayer', () => {
  it('gives the object, whatever lies beside it', async () => {
    const beside: Entry[] = [
      { name: 'LICENSE', content: 'GPL' },
      { name: 'README.md', content: '' },
    ];
    expect(Buffer.from(await readEntries([...beside, OBJECT])).toString()).toBe(OBJECT.content);
  });

  it('reads zstd', async () => {
    const bytes = zstdCompressSync(await tarOf([OBJECT]));
    const layer = describeLayer(bytes, MEDIA_TYPE_VARIANT_ZSTD);
    expect(Buffer.from(await readVariantLayer(bytes, layer, variantOf(layer))).toString()).toBe(OBJECT.content);
  });

  it.each<[string, Entry]>([
    ['a symbolic link', { name: 'demo.bpf.o', type: 'symlink', linkname: '/etc/passwd' }],
    ['a hard link', { name: 'x', type: 'link', linkname: 'demo.bpf.o' }],
    ['a device', { name: 'x', type: 'character-device', devmajor: 1, devminor: 3 }],
    ['a pipe', { name: 'x', type: 'fifo' }],
    ['a folder', { name: 'x', type: 'directory' }],
    ['an extended header', { name: 'x', pax: { comment: 'x' } }],
    ['a name that needs one', { name: 'x'.repeat(101) }],
    ['a path', { name: 'a/x' }],
    ['a hidden file', { name: '.x' }],
    ['an option', { name: '-rf' }],
    ['an absolute path', { name: '/etc/cron.d/x' }],
    ['a path upwards', { name: '../x' }],
    ['a path up from inside', { name: 'a/../../x' }],
    ['a backslash', { name: 'a\\x' }],
    ['an empty part', { name: 'a//x' }],
    ['a control character', { name: 'a\u001b[2Jx' }],
    ['the object twice', OBJECT],
  ])('refuses a layer with %s', async (_, entry) => {
    await expect(readEntries([OBJECT, entry])).rejects.toMatchObject({ code: 'ERR_LAYER_MALFORMED', variant: 'demo' });
  });

  it('refuses a layer without the object', async () => {
    await expect(readEntries([{ name: 'other.bpf.o' }])).rejects.toMatchObject({ code: 'ERR_LAYER_OBJECT_MISSING' });
  });

  it('refuses too many files', async () => {
    const many = Array.from({ length: 256 }, (_, i) => ({ name: `file-${i}` }));
    await expect(readEntries([OBJECT, ...many])).rejects.toMatchObject({ code: 'ERR_LAYER_TOO_LARGE' });
  });

  it('refuses a layer that becomes too large', async () => {
    const bytes = gzipSync(Buffer.alloc(257 * 1024 * 1024), { level: 1 });
    const layer = describeLayer(bytes);
    await expect(readVariantLayer(bytes, layer, variantOf(layer))).rejects.toMatchObject({
      code: 'ERR_LAYER_TOO_LARGE',
    });
  });

  it('refuses another object than the index describes', async () => {
    const bytes = gzipSync(await tarOf([OBJECT]));
    const layer = describeLayer(bytes);
    const other = variantOf(layer, 'another one..');
    await expect(readVariantLayer(bytes, layer, other)).rejects.toMatchObject({ code: 'ERR_LAYER_OBJECT_MISMATCH' });
  });

  it('refuses bytes that are not the descriptor’s, before it unpacks them', async () => {
    const bytes = gzipSync(await tarOf([OBJECT]));
    const layer = describeLayer(bytes);
    const variant = variantOf(layer);
    const changed = Buffer.from(bytes);
    changed[20] = (changed[20] ?? 0) ^ 1;
    const expected = { code: 'ERR_LAYER_DIGEST_MISMATCH' };
    await expect(readVariantLayer(changed, layer, variant)).rejects.toMatchObject(expected);
    await expect(readVariantLayer(bytes.subarray(0, 40), layer, variant)).rejects.toMatchObject(expected);
    await expect(readVariantLayer(bytes, { ...layer, digest: digestOf(changed) }, variant)).rejects.toMatchObject(
      expected,
    );
  });

  it.each<[string, (tar: Buffer) => Uint8Array, string]>([
    ['no gzip', (tar) => tar, MEDIA_TYPE_VARIANT_GZIP],
    ['no zstd', (tar) => gzipSync(tar), MEDIA_TYPE_VARIANT_ZSTD],
    ['of another media type', (tar) => gzipSync(tar), 'application/octet-stream'],
    ['a cut gzip', (tar) => gzipSync(tar).subarray(0, -12), MEDIA_TYPE_VARIANT_GZIP],
    ['a cut tar', (tar) => gzipSync(tar.subarray(0, 520)), MEDIA_TYPE_VARIANT_GZIP],
    ['no tar', () => gzipSync(Buffer.alloc(2048, 'x')), MEDIA_TYPE_VARIANT_GZIP],
  ])('refuses what is %s', async (_, make, mediaType) => {
    const bytes = make(await tarOf([OBJECT]));
    const layer = describeLayer(bytes, mediaType);
    await expect(readVariantLayer(bytes, layer, variantOf(layer))).rejects.toMatchObject({
      code: 'ERR_LAYER_MALFORMED',
    });
  });
});
