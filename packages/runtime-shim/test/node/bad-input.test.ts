import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { copy, type Descriptor, fetchBytes, MemoryStore, pushBytes, Repository } from '@bpfship/oras-client';
import { createRegistry } from '@bpfship/registry-dev';
import { generateKeyPair, loadPrivateKey, signArtifact } from '@bpfship/trust';
import { canonicalJsonBytes, MEDIA_TYPE_OCI_MANIFEST, type BtfIndex, type ServiceManifest } from '@bpfship/media-types';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openNode } from '../../src/open-node.ts';
import { execCounter, packetCounter } from '../support/compile-object.ts';
import { createSandbox, filesIn, IS_ROOT, type Sandbox } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { waitFor } from '../support/wait-for.ts';

const ONE = [{ version: '1.0.0', variants: { one: execCounter() } }];

/** Nothing loaded, nothing pinned, nothing stored but what was verified. */
async function expectNothing(sandbox: Sandbox): Promise<void> {
  const node = await sandbox.openNode();
  expect(await node.list()).toEqual([]);
  expect(sandbox.pins()).toEqual([]);
  for (const blob of sandbox.blobs()) {
    const bytes = readFileSync(join(sandbox.stateDir, 'store', 'blobs', blob));
    expect(`sha256/${createHash('sha256').update(bytes).digest('hex')}`).toBe(blob);
  }
  expect(filesIn(join(sandbox.stateDir, 'services'))).toEqual([]);
}

/** A package of the same layers with a changed index, as a hostile or broken author makes one. */
async function withIndex(
  store: MemoryStore,
  descriptor: Descriptor,
  change: (index: BtfIndex) => unknown,
): Promise<Descriptor> {
  const manifest = JSON.parse(Buffer.from(await fetchBytes(store, descriptor)).toString()) as ServiceManifest;
  const index = JSON.parse(Buffer.from(await fetchBytes(store, manifest.config)).toString()) as BtfIndex;
  const config = await pushBytes(store, manifest.config.mediaType, canonicalJsonBytes(change(index)));
  const bytes = canonicalJsonBytes({ ...manifest, config });
  return pushBytes(store, MEDIA_TYPE_OCI_MANIFEST, bytes);
}

describe.skipIf(!IS_ROOT)('signatures', () => {
  it('must be there and by a trusted key, unless the caller says that it does not matter', async () => {
    const sandbox = createSandbox();
    const { store, descriptors } = await packServices(ONE);
    const [trusted, other] = [await generateKeyPair(), await generateKeyPair()];
    const node = await sandbox.openNode();
    const options = { target: store, reference: '1.0.0', location: 'memory' };
    const policy = { keys: [trusted.publicKey] };
    await expect(node.install({ ...options, policy })).rejects.toMatchObject({ code: 'ERR_TRUST_NO_SIGNATURE' });
    const subject = descriptors['1.0.0'];
    if (!subject) throw new Error('nothing was packed');
    await signArtifact({ target: store, subject, key: await loadPrivateKey(other.privateKey, { password: '' }) });
    await expect(node.install({ ...options, policy })).rejects.toMatchObject({ code: 'ERR_TRUST_NO_MATCH' });
    await expect(node.install({ ...options, policy: { keys: [] } })).rejects.toMatchObject({
      code: 'ERR_TRUST_DENIED',
    });
    await expect(node.install(options)).rejects.toThrow('either a policy or allowUnsigned must be given');
    expect(sandbox.blobs()).toEqual([]);
    await expectNothing(sandbox);
  });
});

describe.skipIf(!IS_ROOT)('a registry', () => {
  it.each([
    [
      'gives other bytes for the layer',
      (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte))),
      'ERR_OCI_DIGEST_MISMATCH',
    ],
    ['cuts the layer off', (bytes: Buffer) => bytes.subarray(0, 100), 'ERR_OCI_SIZE_MISMATCH'],
  ])('that %s is not believed', async (_what, change, code) => {
    const sandbox = createSandbox();
    const { store, descriptors } = await packServices(ONE);
    const manifest = JSON.parse(
      Buffer.from(await fetchBytes(store, descriptors['1.0.0'] as Descriptor)).toString(),
    ) as ServiceManifest;
    const layer = manifest.layers[0];
    if (!layer) throw new Error('the package has no layer');
    const changed = change(Buffer.from(await fetchBytes(store, layer)));
    await using registry = await createRegistry({
      root: join(sandbox.folder, 'registry'),
      intercept(request, response) {
        if (request.method !== 'GET' || !request.url?.endsWith(layer.digest)) return false;
        response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': changed.length });
        response.end(changed);
        return true;
      },
    });
    await using target = new Repository({ registry: registry.host, repository: 'acme/test' }, { retries: 0 });
    await copy(store, '1.0.0', target, '1.0.0');
    const node = await sandbox.openNode();
    await expect(
      node.install({ target, reference: '1.0.0', location: registry.host, allowUnsigned: true }),
    ).rejects.toMatchObject({ code });
    expect(sandbox.blobs()).toEqual([]);
    await expectNothing(sandbox);
  });

  it('that is down is named', async () => {
    const sandbox = createSandbox();
    const registry = await createRegistry({ root: join(sandbox.folder, 'registry') });
    await registry.close();
    await using target = new Repository({ registry: registry.host, repository: 'acme/test' }, { retries: 0 });
    const node = await sandbox.openNode();
    await expect(
      node.install({ target, reference: '1.0.0', location: registry.host, allowUnsigned: true }),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_OCI_/) as string,
      message: expect.stringContaining(registry.host) as string,
    });
    await expectNothing(sandbox);
  });
});

describe.skipIf(!IS_ROOT)('a package', () => {
  it.each<[string, (index: BtfIndex) => unknown, string]>([
    ['whose index is none', () => ({ schemaVersion: 1 }), 'ERR_DOCUMENT_INVALID'],
    [
      'whose index has no layer for a variant',
      (index) => ({
        ...index,
        variants: index.variants.map((variant) => ({ ...variant, layer: `sha256:${'0'.repeat(64)}` })),
      }),
      'ERR_MANIFEST_INCONSISTENT',
    ],
    [
      'whose index describes another object',
      (index) => ({
        ...index,
        variants: index.variants.map((variant) => ({
          ...variant,
          object: { ...variant.object, digest: `sha256:${'0'.repeat(64)}` },
        })),
      }),
      'ERR_LAYER_OBJECT_MISMATCH',
    ],
    [
      'for another architecture',
      (index) => ({
        ...index,
        variants: index.variants.map((variant) => ({
          ...variant,
          platform: { byteOrder: 'little', architecture: 's390x' },
        })),
      }),
      'ERR_SHIM_NO_VARIANT',
    ],
  ])('%s is refused', async (_what, change, code) => {
    const sandbox = createSandbox();
    const { store, descriptors } = await packServices(ONE);
    const bad = await withIndex(store, descriptors['1.0.0'] as Descriptor, change);
    const node = await sandbox.openNode();
    await expect(
      node.install({ target: store, reference: bad.digest, location: 'memory', allowUnsigned: true }),
    ).rejects.toMatchObject({ code });
    expect(sandbox.blobs()).toEqual([]);
    await expectNothing(sandbox);
  });

  it('that is an image of something else is refused', async () => {
    const sandbox = createSandbox();
    const store = new MemoryStore();
    const { digest } = await pushBytes(
      store,
      MEDIA_TYPE_OCI_MANIFEST,
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MEDIA_TYPE_OCI_MANIFEST,
          config: await pushBytes(store, 'application/vnd.oci.image.config.v1+json', Buffer.from('{}')),
          layers: [],
        }),
      ),
    );
    const node = await sandbox.openNode();
    await expect(
      node.install({ target: store, reference: digest, location: 'memory', allowUnsigned: true }),
    ).rejects.toMatchObject({ code: 'ERR_MANIFEST_NOT_A_SERVICE' });
  });

  it('for an interface needs one', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([{ version: '1.0.0', variants: { one: packetCounter() }, events: {} }]);
    const node = await sandbox.openNode();
    await expect(node.install(packed.unsigned('1.0.0'))).rejects.toMatchObject({
      code: 'ERR_SHIM_ATTACH_TARGET',
      message: 'program "packet" needs a network interface',
    });
    await expect(
      node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: 'nowhere0' } } }),
    ).rejects.toMatchObject({ code: 'ERR_SHIM_ATTACH_TARGET', hint: expect.stringContaining('lo') as string });
    expect(sandbox.blobs()).toEqual([]);
    await expectNothing(sandbox);
  });
});

describe.skipIf(!IS_ROOT)('a full disk', () => {
  it('is said, and nothing is half stored or loaded', async () => {
    const sandbox = createSandbox();
    const full = join(sandbox.folder, 'full');
    mkdirSync(full);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', full]);
    onTestFinished(() => void execFileSync('umount', [full]));
    const packed = await packServices(ONE);
    const node = await sandbox.openNode({ stateDir: full });
    execFileSync('sh', ['-c', `head -c 1000000 /dev/zero > ${full}/ballast || true`], { stdio: 'ignore' });
    await expect(node.install(packed.unsigned('1.0.0'))).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(?:OCI|SHIM)_NO_SPACE$/) as string,
    });
    expect(sandbox.pins()).toEqual([]);
    expect(await node.list()).toEqual([]);
    expect(filesIn(join(full, 'store', 'blobs'))).toEqual([]);
    execFileSync('rm', [join(full, 'ballast')]);
    await node.install(packed.unsigned('1.0.0'));
    expect(await node.list()).toMatchObject([{ state: 'attached' }]);
    await node.uninstall({ service: 'test-service' });
  });
});

describe.skipIf(!IS_ROOT)('two at once', () => {
  it('work one after the other', async () => {
    const sandbox = createSandbox();
    const [one, two] = await Promise.all([packServices(ONE), packServices([{ ...ONE[0]!, name: 'other' }])]);
    const [first, second] = [await sandbox.openNode(), await sandbox.openNode()];
    await Promise.all([first.install(one.unsigned('1.0.0')), second.install(two.unsigned('1.0.0'))]);
    expect((await first.list()).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'other attached',
      'test-service attached',
    ]);
    const again = [first.uninstall({ service: 'other' }), second.uninstall({ service: 'other' })];
    const outcomes = await Promise.allSettled(again);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('wait for each other, but not for ever', async () => {
    const sandbox = createSandbox();
    const packed = await packServices(ONE);
    const node = await sandbox.openNode({ lockWaitMs: 0 });
    await using kernel = openKernel();
    const lock = await waitFor(() => kernel.lockFile(join(sandbox.stateDir, 'lock')));
    await expect(node.install(packed.unsigned('1.0.0'))).rejects.toMatchObject({ code: 'ERR_SHIM_LOCKED' });
    const patient = await sandbox.openNode();
    await expect(
      patient.install({ ...packed.unsigned('1.0.0'), signal: AbortSignal.timeout(1000) }),
    ).rejects.toMatchObject({ name: expect.stringMatching(/^(?:AbortError|TimeoutError)$/) as string });
    // A clock that jumps ends no waiting.
    const now = Date.now();
    const clock = vi.spyOn(Date, 'now');
    onTestFinished(() => clock.mockRestore());
    const waiting = patient.install(packed.unsigned('1.0.0'));
    await sleep(500);
    clock.mockReturnValue(now + 86_400_000);
    await sleep(200);
    await kernel.unlockFile(lock);
    expect(await waiting).toMatchObject({ generation: 1 });
  });
});

describe.skipIf(!IS_ROOT)('folders', () => {
  it('of the state are only for their owner', async () => {
    const sandbox = createSandbox();
    await sandbox.openNode();
    expect(statSync(sandbox.stateDir).mode & 0o777).toBe(0o700);
    chmodSync(sandbox.stateDir, 0o777);
    await expect(openNode({ stateDir: sandbox.stateDir })).rejects.toMatchObject({ code: 'ERR_SHIM_STATE' });
    writeFileSync(join(sandbox.folder, 'file'), '');
    await expect(openNode({ stateDir: join(sandbox.folder, 'file') })).rejects.toMatchObject({
      code: 'ERR_SHIM_STATE',
    });
    // In a process of its own, which ends with all the memory that it might take.
    const module = join(import.meta.dirname, '..', '..', 'src', 'open-node.ts');
    const script = `const { openNode } = await import(${JSON.stringify(module)});
      await openNode({ stateDir: '/proc/bpfship' }).catch((error) => console.log(error.code));`;
    const options = { encoding: 'utf8', timeout: 10_000, killSignal: 'SIGKILL' } as const;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], options)).toBe('ERR_SHIM_STATE\n');
  });

  it.each([
    ['an empty folder', [] as string[], 'own', 'own/bpfship'],
    ['a folder of its own, where the one above holds files', ['own/precious'], 'own/bpfship', 'own/bpfship'],
  ])('for pins become a BPF file system: %s', async (_what, files, mountPoint, bpffs) => {
    const sandbox = createSandbox();
    const own = join(sandbox.folder, 'own');
    mkdirSync(own);
    for (const file of files) writeFileSync(join(sandbox.folder, file), 'x');
    onTestFinished(() => {
      for (const name of ['own/bpfship', 'own']) {
        try {
          execFileSync('umount', [join(sandbox.folder, name)], { stdio: 'ignore' });
        } catch {
          // Not mounted any more, as it should be.
        }
      }
    });
    const packed = await packServices(ONE);
    const node = await sandbox.openNode({ bpffsDir: join(sandbox.folder, bpffs) });
    const mounts = (): boolean =>
      readFileSync('/proc/mounts', 'utf8').includes(` ${join(sandbox.folder, mountPoint)} bpf `);
    await node.install(packed.unsigned('1.0.0'));
    expect(mounts()).toBe(true);
    for (const file of files) expect(existsSync(join(sandbox.folder, file))).toBe(true);
    await node.uninstall({ service: 'test-service' });
    expect(mounts()).toBe(false);
    await expect(node.rollback({ service: 'test-service' })).rejects.toMatchObject({ code: 'ERR_SHIM_NOT_INSTALLED' });
    expect(mounts()).toBe(false);
  });

  it('for pins are of one node', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([...ONE, { ...ONE[0]!, version: '1.1.0' }]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    const other = await sandbox.openNode({ stateDir: join(sandbox.folder, 'other') });
    const refusal = { code: 'ERR_SHIM_BPFFS', message: expect.stringContaining(sandbox.stateDir) as string };
    await expect(other.install(packed.unsigned('1.1.0'))).rejects.toMatchObject(refusal);
    expect(await node.status('test-service')).toMatchObject({ state: 'attached', version: '1.0.0' });
    // The same folder by another path is the same node.
    symlinkSync(sandbox.stateDir, join(sandbox.folder, 'link'));
    const same = await sandbox.openNode({ stateDir: join(sandbox.folder, 'link') });
    await same.upgrade({ ...packed.unsigned('1.1.0'), service: 'test-service' });
    await node.uninstall({ service: 'test-service' });
    expect(existsSync(sandbox.bpffsDir)).toBe(false);
    // Where the first has nothing any more, the second may.
    await other.install(packed.unsigned('1.1.0'));
    await expect(node.install(packed.unsigned('1.0.0'))).rejects.toMatchObject({ code: 'ERR_SHIM_BPFFS' });
    await other.uninstall({ service: 'test-service' });
  });

  it('for pins never cover files', async () => {
    const sandbox = createSandbox();
    mkdirSync(join(sandbox.folder, 'own', 'bpfship'), { recursive: true });
    for (const file of ['own/a', 'own/bpfship/b']) writeFileSync(join(sandbox.folder, file), 'x');
    const packed = await packServices(ONE);
    const node = await sandbox.openNode({ bpffsDir: join(sandbox.folder, 'own', 'bpfship') });
    await expect(node.install(packed.unsigned('1.0.0'))).rejects.toMatchObject({ code: 'ERR_SHIM_BPFFS' });
    expect(existsSync(join(sandbox.folder, 'own', 'bpfship', 'b'))).toBe(true);
  });
});
