import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { execCounter, packetCounter, UNFORESEEN } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT, type Sandbox } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { layCable } from '../support/virtual-cable.ts';

const SERVICE = 'test-service';
const ONE = [{ version: '1.0.0', variants: { ring: execCounter() } }];

/** What a start of the machine does to pins. */
function forgetPins({ bpffsDir, bpffs }: Sandbox): void {
  execFileSync('umount', [bpffs]);
  execFileSync('mount', ['-t', 'bpf', 'bpf', bpffs]);
  rmSync(bpffsDir, { recursive: true, force: true });
}

describe.skipIf(!IS_ROOT)('restore', () => {
  it('brings services back in the generation that they had, without their registry', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([...ONE, { version: '1.1.0', variants: { ring: execCounter() } }]);
    await using node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await node.upgrade({ ...packed.unsigned('1.1.0'), service: SERVICE });
    const pins = sandbox.pins();
    expect(await node.restore()).toEqual([
      { service: SERVICE, outcome: 'running', version: '1.1.0', variant: 'ring', generation: 2, warnings: [] },
    ]);
    forgetPins(sandbox);
    expect(await node.list()).toMatchObject([{ state: 'detached' }]);
    expect(await node.restore()).toMatchObject([
      { outcome: 'restored', version: '1.1.0', generation: 2, warnings: [] },
    ]);
    expect(sandbox.pins()).toEqual(pins);
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached', generation: 2 });
    // What was there before the start can be gone back to.
    expect(await node.rollback({ service: SERVICE })).toMatchObject({ version: '1.0.0' });
  });

  it('repairs what somebody detached by hand, and keeps what maps hold', async () => {
    const sandbox = createSandbox();
    const cable = layCable();
    const packed = await packServices([{ version: '1.0.0', variants: { both: execCounter() + packetCounter() } }]);
    await using node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: cable.name } } });
    cable.send(3);
    const { programs } = await node.status(SERVICE);
    const packet = programs.find(({ name }) => name === 'packet');
    const count = programs.find(({ name }) => name === 'count');
    execFileSync('bpftool', ['link', 'detach', 'id', String(packet?.link?.id)]);
    // The link's pin is still there.
    expect(await node.list()).toMatchObject([{ state: 'degraded', programs: 1 }]);
    rmSync(count?.link?.pin ?? '');
    expect(await node.status(SERVICE)).toMatchObject({ state: 'detached' });
    const [restored] = await node.restore();
    expect(restored).toMatchObject({ outcome: 'repaired', version: '1.0.0' });
    expect(restored?.warnings.join('\n')).toMatch(/program count was not at .*\n?.*program packet was not at xdp:/s);
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached' });
    cable.send(2);
    const [entry] = (await node.dumpMap(SERVICE, 'packets', 1)) ?? [];
    expect(Number(entry?.['value'])).toBe(5);
    // Repairs do not pile up as generations to go back to.
    expect((await node.status(SERVICE)).generations).toHaveLength(1);
  });

  it('goes on with maps whose programs are gone', async () => {
    const sandbox = createSandbox();
    const cable = layCable();
    const packed = await packServices([{ version: '1.0.0', variants: { both: execCounter() + packetCounter() } }]);
    await using node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: cable.name } } });
    cable.send(3);
    for (const folder of ['generations', 'stubs']) rmSync(join(sandbox.bpffsDir, SERVICE, folder), { recursive: true });
    expect(await node.restore()).toMatchObject([{ outcome: 'repaired', version: '1.0.0' }]);
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached' });
    cable.send(2);
    expect(Number((await node.dumpMap(SERVICE, 'packets', 1))?.[0]?.['value'])).toBe(5);
    expect((await node.status(SERVICE)).generations).toHaveLength(1);
  });

  it('sees and repairs a stub that cannot be switched any more', async () => {
    const sandbox = createSandbox();
    const packed = await packServices(ONE);
    await using node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    for (const pin of ['selector', 'slots']) {
      rmSync(join(sandbox.bpffsDir, SERVICE, 'stubs', pin), { recursive: true });
      expect(await node.list()).toMatchObject([{ state: 'detached' }]);
      expect(await node.status(SERVICE)).toMatchObject({ state: 'detached' });
      expect((await node.survey()).incomplete).toEqual([SERVICE]);
      expect(await node.restore()).toMatchObject([{ outcome: 'repaired' }]);
      expect(await node.list()).toMatchObject([{ state: 'attached' }]);
    }
  });

  it('takes another variant of the local store where the kernel refuses the one that it had', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { bad: UNFORESEEN, good: execCounter() }, events: {} },
    ]);
    await using node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    const path = join(sandbox.stateDir, 'services', `${SERVICE}.json`);
    const state = JSON.parse(execFileSync('cat', [path], { encoding: 'utf8' })) as {
      generations: { variant: string; layer: string }[];
    };
    // As if it had run with the variant that this kernel rejects, as after a start with another kernel.
    const layers = readdirSync(join(sandbox.stateDir, 'store', 'blobs', 'sha256')).map((hex) => `sha256:${hex}`);
    const [generation] = state.generations;
    if (!generation) throw new Error('no generation');
    const other = layers.find(
      (digest) =>
        digest !== generation.layer &&
        !JSON.stringify(state).includes(digest) &&
        sizeOf(sandbox, digest) < sizeOf(sandbox, generation.layer),
    );
    // The policy that let the service in is for all variants.
    const denied = { ...generation, variant: 'bad', layer: other, allow: { hooks: ['xdp'] } };
    writeFileSync(path, JSON.stringify({ ...state, generations: [denied] }), { mode: 0o600 });
    forgetPins(sandbox);
    expect(await node.restore()).toMatchObject([{ outcome: 'failed', error: { code: 'ERR_SHIM_DENIED' } }]);
    const allowed = { ...denied, allow: { hooks: ['raw-tracepoint:*'] } };
    writeFileSync(path, JSON.stringify({ ...state, generations: [allowed] }), { mode: 0o600 });
    const [restored] = await node.restore();
    expect(restored).toMatchObject({ outcome: 'reselected', variant: 'good', generation: 2 });
    expect(restored?.warnings[0]).toMatch(/^variant bad: /);
    expect(await node.status(SERVICE)).toMatchObject({ state: 'attached', variant: 'good' });
  });

  it('says what is missing, and goes on with the others', async () => {
    const sandbox = createSandbox();
    const packed = await packServices(ONE);
    const other = await packServices([{ ...ONE[0]!, name: 'other' }]);
    await using node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await node.install(other.unsigned('1.0.0'));
    forgetPins(sandbox);
    writeFileSync(join(sandbox.stateDir, 'services', 'other.json'), '{');
    const results = await node.restore();
    expect(results).toMatchObject([
      { service: 'other', outcome: 'failed', error: { code: 'ERR_SHIM_STATE_CORRUPT' } },
      { service: SERVICE, outcome: 'restored' },
    ]);
    // A layer that the store has lost.
    forgetPins(sandbox);
    const blobs = join(sandbox.stateDir, 'store', 'blobs', 'sha256');
    const state = JSON.parse(
      execFileSync('cat', [join(sandbox.stateDir, 'services', `${SERVICE}.json`)], { encoding: 'utf8' }),
    ) as { generations: { layer: string }[] };
    rmSync(join(blobs, state.generations[0]?.layer.slice('sha256:'.length) ?? ''));
    expect((await node.restore({ service: SERVICE }))[0]).toMatchObject({
      outcome: 'failed',
      error: { code: 'ERR_SHIM_NOT_PREFETCHED' },
    });
    expect(sandbox.pins()).toEqual([]);
  });

  it('reports an interface that is gone, and comes back with it', async () => {
    const sandbox = createSandbox();
    const cable = layCable();
    const packed = await packServices([{ version: '1.0.0', variants: { x: packetCounter() }, events: {} }]);
    await using node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: cable.name } } });
    cable.remove();
    expect(await node.restore()).toMatchObject([{ outcome: 'failed', error: { code: 'ERR_SHIM_ATTACH_TARGET' } }]);
    execFileSync('ip', ['link', 'add', cable.name, 'type', 'veth', 'peer', 'name', `${cable.name}p`]);
    expect(await node.restore()).toMatchObject([{ outcome: 'repaired' }]);
    expect(await node.restore()).toMatchObject([{ outcome: 'running' }]);
  });
});

function sizeOf({ stateDir }: Sandbox, digest: string): number {
  return statSync(join(stateDir, 'store', 'blobs', 'sha256', digest.slice('sha256:'.length))).size;
}

describe.skipIf(!IS_ROOT)('prefetching', () => {
  it('takes in the variants for kernels that are installed, once, and garbage collection keeps them', async () => {
    const sandbox = createSandbox();
    const boot = join(sandbox.folder, 'boot');
    mkdirSync(boot);
    // An image that cannot be unpacked: nothing is known, so nothing is refused.
    writeFileSync(join(boot, 'vmlinuz-9.9.9-test'), Buffer.alloc(4096, 7));
    writeFileSync(join(boot, `vmlinuz-${release()}`), Buffer.alloc(4096, 7));
    writeFileSync(join(boot, 'vmlinuz-../../evil'.replaceAll('/', '_')), '');
    const packed = await packServices([
      { version: '1.0.0', variants: { ring: execCounter(), perf: execCounter({ buffer: 'perf' }) } },
    ]);
    await using node = await sandbox.openNode({ kernels: { boot, modules: join(sandbox.folder, 'none') } });
    const { steps, warnings } = await node.install(packed.unsigned('1.0.0'));
    expect(warnings).toEqual([]);
    expect(steps.at(-1)).toMatchObject({ step: 'prefetch', detail: 'for 9.9.9-test' });
    expect(sandbox.blobs()).toHaveLength(4);
    expect(await node.garbageCollect()).toEqual([]);
    expect(sandbox.blobs()).toHaveLength(4);
    const again = await node.prefetch({ service: SERVICE, target: packed.store });
    expect(again).toMatchObject({ bytes: 0, kernels: [{ release: '9.9.9-test', variants: ['ring', 'perf'] }] });
    await node.uninstall({ service: SERVICE });
    expect(sandbox.blobs()).toEqual([]);
  });
});
