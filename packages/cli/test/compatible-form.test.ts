import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { digestOf } from '@bpfship/oras-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './support/cli.ts';
import { type NarrowRegistry, startNarrowRegistry } from './support/narrow-registry.ts';
import { type PackedService, packService, succeed } from './support/packed-service.ts';

let service: PackedService;
let narrow: NarrowRegistry;
/** `folder:tag` of the package in the compatible form, signed. */
let layout: string;
let reference: string;

interface Inspected {
  digest: string;
  artifactType: string;
  index: { name: string; variants: { layer: string }[] };
  manifest: {
    artifactType?: string;
    config: { digest: string; mediaType: string };
    layers: { digest: string; mediaType: string; annotations: Record<string, string> }[];
    annotations: Record<string, string>;
  };
}

beforeAll(async () => {
  service = await packService();
  const { folder, privateKey, env } = service;
  narrow = await startNarrowRegistry(folder.file('narrow'));
  layout = `${folder.file('compatible')}:0.1.0`;
  reference = `${narrow.host}/acme/probe:0.1.0`;
  await succeed(['pack', '--compat', folder.file('probe'), '--output', folder.file('compatible')]);
  await succeed(['sign', '--key', privateKey, '--oci-layout', layout], env);
  await succeed(['push', layout, reference]);
});
afterAll(async () => {
  await narrow?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
});

const inspect = async (...args: string[]): Promise<Inspected> =>
  JSON.parse(await succeed(['inspect', '-j', ...args])) as Inspected;

/** A blob of the layout. */
const blob = (digest: string): string => service.folder.file(`compatible/blobs/sha256/${digest.slice(7)}`);

describe('a package in the compatible form', () => {
  it('is what the error of a refused push proposes', async () => {
    const before = narrow.refusals.length;
    const { status, stderr } = await runCli(['push', service.layout, `${narrow.host}/acme/standard:0.1.0`]);
    expect(status).not.toBe(0);
    expect(stderr).toContain('MANIFEST_INVALID');
    expect(stderr).toContain('bpfship pack --compat');
    expect(narrow.refusals.slice(before)).toEqual(['unknown media type: application/vnd.ebpf.service.v1']);
    const copied = await runCli(['copy', service.reference, `${narrow.host}/acme/copied:0.1.0`]);
    expect(copied.stderr).toContain('bpfship pack --compat');
  });

  it('has the index and the variants of the standard form, byte for byte, under another digest', async () => {
    const [standard, compatible] = [await inspect(service.reference), await inspect(reference)];
    expect(compatible.index).toEqual(standard.index);
    expect(compatible.digest).not.toBe(standard.digest);
    expect(compatible.artifactType).toBe('application/vnd.ebpf.service.v1');
    expect(compatible.manifest.artifactType).toBeUndefined();
    expect(compatible.manifest.layers.slice(1).map(({ digest }) => digest)).toEqual(
      standard.manifest.layers.map(({ digest }) => digest),
    );
    expect(await succeed(['inspect', reference])).toContain('Form: compatible');
  });

  it('is an image whose config tells the truth of its layers, and whose first layer tar(1) reads', async () => {
    const { manifest } = await inspect('--oci-layout', layout);
    const config = JSON.parse(readFileSync(blob(manifest.config.digest), 'utf8')) as object;
    const tars = manifest.layers.map(({ digest, mediaType }) => {
      const bytes = readFileSync(blob(digest));
      return digestOf(mediaType.endsWith('gzip') ? gunzipSync(bytes) : bytes);
    });
    expect(config).toEqual({
      architecture: 'unknown',
      config: {},
      os: 'unknown',
      rootfs: { type: 'layers', diff_ids: tars },
    });
    const index = execFileSync('tar', ['-xOf', blob(manifest.layers[0]?.digest ?? ''), 'btf-index.json']);
    expect(JSON.parse(index.toString())).toMatchObject({ name: 'probe' });
  });

  it('packs to the same digest again', async () => {
    const again = service.folder.file('compatible-again');
    await succeed(['pack', '--compat', service.folder.file('probe'), '--output', again]);
    expect((await inspect('--oci-layout', `${again}:0.1.0`)).digest).toBe((await inspect(reference)).digest);
  });

  it('is verified, checked, pulled and copied like any other', async () => {
    const { folder, publicKey } = service;
    await succeed(['verify', '--key', publicKey, reference]);
    const check = JSON.parse(await succeed(['check', '-j', reference, '--key', publicKey])) as { signer: string };
    expect(check.signer).not.toBe('');
    await succeed(['pull', reference, '--output', folder.file('files')]);
    await succeed(['pull', service.reference, '--output', folder.file('standard-files')]);
    expect(readdirSync(folder.file('files'))).toEqual(readdirSync(folder.file('standard-files')));
    const elsewhere = `${service.registry.host}/acme/compatible:0.1.0`;
    await succeed(['copy', reference, elsewhere]);
    await succeed(['verify', '--key', publicKey, elsewhere]);
    expect((await inspect(elsewhere)).digest).toBe((await inspect(reference)).digest);
  });

  it('does not share the signature of the standard form', async () => {
    const { folder, publicKey } = service;
    const unsigned = folder.file('unsigned');
    await succeed(['pack', '--compat', folder.file('probe'), '--output', unsigned]);
    const { status, stderr } = await runCli(['verify', '--key', publicKey, '--oci-layout', `${unsigned}:0.1.0`]);
    expect(status).not.toBe(0);
    expect(stderr).toContain('has no signature');
  });
});
