import { join } from 'node:path';
import {
  copy,
  type Descriptor,
  fetchBytes,
  MemoryStore,
  packManifest,
  pushBytes,
  Repository,
} from '@bpfship/oras-client';
import { createRegistry } from '@bpfship/registry-dev';
import { generateKeyPair, loadPrivateKey, signArtifact } from '@bpfship/trust';
import { describe, expect, it } from 'vitest';
import { execCounter } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';

const place = { registry: '', repository: 'acme/test' };

describe.skipIf(!IS_ROOT)('a package in the compatible form', () => {
  it('is installed, upgraded to the standard form, rolled back to without a registry, and collected', async () => {
    const sandbox = createSandbox();
    const { store, descriptors } = await packServices([
      { version: '1.0.0', variants: { ring: execCounter() }, form: 'compatible' },
      { version: '1.1.0', variants: { ring: execCounter() } },
    ]);
    const keys = await generateKeyPair({ password: 'x' });
    const key = await loadPrivateKey(keys.privateKey, { password: 'x' });
    for (const subject of Object.values(descriptors)) await signArtifact({ target: store, subject, key });
    const registry = await createRegistry({ root: join(sandbox.folder, 'registry'), referrersApi: false });
    const target = new Repository({ ...place, registry: registry.host });
    for (const tag of Object.keys(descriptors)) await copy(store, tag, target, tag, { withReferrers: true });
    const source = { target, location: `${registry.host}/acme/test`, policy: { keys: [keys.publicKey] } };

    const node = await sandbox.openNode();
    const installed = await node.install({ ...source, reference: '1.0.0' });
    expect(installed).toMatchObject({
      variant: 'ring',
      digest: descriptors['1.0.0']?.digest,
      signer: expect.any(String),
    });
    await node.upgrade({ ...source, reference: '1.1.0', service: 'test-service' });
    await target.close();
    await registry.close();
    expect(await node.rollback({ service: 'test-service' })).toMatchObject({ version: '1.0.0' });
    await node.garbageCollect();
    const again = await sandbox.openNode();
    await again.stop({ service: 'test-service' });
    expect(await again.start({ service: 'test-service' })).toMatchObject({ version: '1.0.0', variant: 'ring' });
    await again.uninstall({ service: 'test-service' });
    expect(sandbox.blobs()).toEqual([]);
  });

  it('is refused where its first layer holds something else than the index, and nothing is left', async () => {
    const sandbox = createSandbox();
    const { store, descriptors } = await packServices([
      { version: '1.0.0', variants: { ring: execCounter() }, form: 'compatible' },
    ]);
    const manifest = JSON.parse(
      Buffer.from(await fetchBytes(store, descriptors['1.0.0'] as Descriptor)).toString(),
    ) as { config: Descriptor; layers: Descriptor[]; annotations: Record<string, string> };
    const [first, ...rest] = manifest.layers;
    const target = new MemoryStore();
    await copy(store, '1.0.0', target);
    const bytes = Buffer.from(await fetchBytes(store, first as Descriptor));
    bytes.write('x', 0);
    const wrong = await pushBytes(target, first?.mediaType ?? '', bytes, { annotations: first?.annotations ?? {} });
    const { config, annotations } = manifest;
    const root = await packManifest(target, { config, layers: [wrong, ...rest], annotations });
    await target.tag(root, 'wrong');
    const node = await sandbox.openNode();
    const install = node.install({ target, reference: 'wrong', location: 'memory', allowUnsigned: true });
    await expect(install).rejects.toMatchObject({ code: 'ERR_DOCUMENT_INVALID' });
    expect(sandbox.blobs()).toEqual([]);
  });
});
