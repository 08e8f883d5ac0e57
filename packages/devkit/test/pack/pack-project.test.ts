import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson, checkPackage, parseBtfIndex, parseServiceManifest } from '@bpfship/media-types';
import { MemoryStore, OciLayoutStore, fetchBytes } from '@bpfship/oras-client';
import { describe, expect, it } from 'vitest';
import {
  type BuiltProject,
  DevkitError,
  type Project,
  buildProject,
  inspectPackage,
  packProject,
  readProject,
} from '../../src/index.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const EXAMPLES = join(import.meta.dirname, '../../../../examples');

async function buildExample(name: string, examples: string = EXAMPLES): Promise<[Project, BuiltProject]> {
  const project = await readProject(join(examples, name));
  return [project, await buildProject(project, { outDir: join(temporaryFolder(), 'build') })];
}

async function buildSource(source: string, rest: string = ''): Promise<[Project, BuiltProject]> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'demo.bpf.c'), `#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n${source}`);
  writeFileSync(
    join(folder, 'ebpf-service.yaml'),
    `name: team/demo\nversion: 1.0.0+build.1\n${rest}variants:\n  - name: demo\n    sources: [demo.bpf.c]\n`,
  );
  const project = await readProject(folder);
  return [project, await buildProject(project)];
}

const XDP = 'char LICENSE[] SEC("license") = "GPL";\nSEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }\n';

describe('packProject', () => {
  it('gives the same digest for the same input, wherever it lies', async () => {
    const copy = join(temporaryFolder(), 'some', 'other place');
    mkdirSync(copy, { recursive: true });
    cpSync(EXAMPLES, copy, { recursive: true });
    const first = await packProject(...(await buildExample('exec-watch')), new MemoryStore());
    const second = await packProject(...(await buildExample('exec-watch', copy)), new MemoryStore());
    expect(second).toEqual(first);
  });

  it('writes a package that keeps the standard', async () => {
    const store = new MemoryStore();
    const descriptor = await packProject(...(await buildExample('exec-watch/1.0.0')), store);
    expect(await store.resolve('1.0.0')).toMatchObject({ digest: descriptor.digest });
    const bytes = await fetchBytes(store, descriptor);
    const manifest = parseServiceManifest(bytes);
    const index = parseBtfIndex(await fetchBytes(store, manifest.config));
    checkPackage(manifest, index);
    expect(Buffer.from(bytes).toString()).toBe(canonicalJson(manifest));
    expect(manifest.layers.map(({ annotations }) => annotations?.['org.opencontainers.image.title'])).toEqual([
      'exec-watch-1.0.0-loop.tar.gz',
      'exec-watch-1.0.0-ringbuf.tar.gz',
      'exec-watch-1.0.0-perf.tar.gz',
      'exec-watch-1.0.0-docs.tar.gz',
    ]);
    expect(manifest.annotations).toMatchObject({
      'vnd.ebpf.service.name': 'exec-watch',
      'org.opencontainers.image.version': '1.0.0',
      'org.opencontainers.image.licenses': 'GPL-2.0-only',
    });
    expect(index.variants.map(({ platform }) => platform)).toEqual([
      { byteOrder: 'little' },
      { byteOrder: 'little' },
      { byteOrder: 'little' },
    ]);
  });

  it('keeps the contents of maps over the upgrade of the examples: same schema, same sizes', async () => {
    for (const [name, kept] of [
      ['exec-watch', ['dropped', 'events', 'exec_scratch', 'executions']],
      ['xdp-guard', ['blocklist', 'blocklist6', 'counters', 'drop_states', 'drops']],
    ] as const) {
      const store = new MemoryStore();
      const [before, after] = await Promise.all(
        [`${name}/1.0.0`, name].map(async (example) => {
          const descriptor = await packProject(...(await buildExample(example)), store);
          return (await inspectPackage(store, descriptor)).index;
        }),
      );
      for (const variant of before?.variants ?? []) {
        const next = after?.variants.find((other) => other.name === variant.name);
        expect(next?.maps).toEqual(expect.arrayContaining(variant.maps));
        expect(variant.maps.map((map) => map.name).toSorted()).toEqual(kept);
      }
    }
  });

  it('writes an OCI layout whose layers tar(1) reads', async () => {
    const folder = temporaryFolder();
    const [project, built] = await buildExample('xdp-guard');
    const layout = await OciLayoutStore.open(join(folder, 'layout'), { create: true });
    const { manifest } = await inspectPackage(layout, await packProject(project, built, layout, { tag: 'mine' }));
    expect(await layout.tags()).toEqual(['mine']);
    const blob = join(folder, 'layout/blobs/sha256', manifest.layers[0]?.digest.slice('sha256:'.length) ?? '');
    execFileSync('tar', ['-xzf', blob, '-C', folder]);
    expect(readFileSync(join(folder, 'frags.bpf.o')).equals(built.objects[0]?.bytes ?? new Uint8Array())).toBe(true);
  });

  it('packs two architectures as two layers with titles and annotations of their own', async () => {
    const dependent = XDP.replace(
      'return XDP_PASS',
      '\n#ifdef __TARGET_ARCH_x86\nreturn XDP_PASS;\n#else\nreturn XDP_DROP;\n#endif\n',
    );
    const store = new MemoryStore();
    const descriptor = await packProject(...(await buildSource(dependent)), store);
    expect(await store.resolve('1.0.0_build.1')).toMatchObject({ digest: descriptor.digest });
    const { tree, index } = await inspectPackage(store, descriptor);
    expect(tree.slice(1).map(({ title, variant, architecture }) => [title, variant, architecture])).toEqual([
      ['team-demo-1.0.0+build.1-demo-amd64.tar.gz', 'demo', 'amd64'],
      ['team-demo-1.0.0+build.1-demo-arm64.tar.gz', 'demo', 'arm64'],
    ]);
    expect(index.variants.map(({ platform }) => platform.architecture)).toEqual(['amd64', 'arm64']);
  });

  it.each([
    ['lacks the map of an event stream', XDP, 'events: [{ map: events, type: event }]\n', 'no map "events"'],
    [
      'has an event stream in a map that carries none',
      `${XDP}struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } events SEC(".maps");`,
      'events: [{ map: events, type: event }]\n',
      'carries no events',
    ],
    [
      'lacks the type of an event',
      `${XDP}struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");`,
      'events: [{ map: events, type: event }]\n',
      'no struct event',
    ],
    ['holds no program', 'char LICENSE[] SEC("license") = "GPL";\n', '', 'no program'],
    ['holds a program that no loader knows', XDP.replace('"xdp"', '"nonsense"'), '', 'nonsense'],
  ])('refuses an object that %s, and stores nothing', async (_, source, rest, message) => {
    const store = new MemoryStore();
    const error: unknown = await packProject(...(await buildSource(source, rest)), store).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DevkitError);
    expect(error).toMatchObject({ code: 'ERR_OBJECT_INVALID', hint: expect.stringMatching(/./) as string });
    expect((error as Error).message).toContain(message);
    await expect(store.resolve('1.0.0_build.1')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
  });

  it('refuses an object that is none', async () => {
    const [project, built] = await buildSource(XDP);
    const objects = built.objects.map((object) => ({ ...object, bytes: object.bytes.subarray(0, 100) }));
    await expect(packProject(project, { ...built, objects }, new MemoryStore())).rejects.toMatchObject({
      code: 'ERR_OBJECT_INVALID',
    });
  });
});

describe('inspectPackage', () => {
  it('says what a package holds without fetching a layer', async () => {
    const store = new MemoryStore();
    await packProject(...(await buildExample('xdp-guard')), store);
    const fetched: string[] = [];
    const target = {
      resolve: store.resolve.bind(store),
      exists: store.exists.bind(store),
      fetch: (descriptor: Parameters<typeof store.fetch>[0]) => {
        fetched.push(descriptor.mediaType);
        return store.fetch(descriptor);
      },
    };
    const inspected = await inspectPackage(target, '1.1.0');
    expect(fetched).toHaveLength(2);
    expect(inspected.tree.map(({ kind, variant }) => variant ?? kind)).toEqual([
      'btf-index',
      'frags',
      'plain',
      'other',
    ]);
    expect(inspected.totalSize).toBe(
      inspected.descriptor.size + inspected.tree.reduce((sum, { size }) => sum + size, 0),
    );
    expect(inspected.variants[0]?.variant.programs).toEqual([
      { name: 'xdp_guard', section: 'xdp.frags', type: 'xdp', hook: 'xdp', flags: ['xdp-frags'] },
    ]);
    expect(inspected.variants[0]?.requirementCounts).toMatchObject({ 'program-type': 1, 'map-type': 3 });
    expect(inspected.variants.map(({ layerSize }) => layerSize > 1000)).toEqual([true, true]);
  });
});
