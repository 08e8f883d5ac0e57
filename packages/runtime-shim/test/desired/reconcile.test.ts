import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { copy, Repository } from '@bpfship/oras-client';
import { createRegistry } from '@bpfship/registry-dev';
import type { DesiredService, DesiredState } from '../../src/desired/desired-schema.ts';
import { Reconciler } from '../../src/desired/reconcile.ts';
import type { ReconcileReport } from '../../src/desired/report.ts';
import type { ShimNode } from '../../src/node/shim-node.ts';
import { execCounter, packetCounter } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT, type Sandbox } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { layCable } from '../support/virtual-cable.ts';

interface Stage {
  sandbox: Sandbox;
  node: ShimNode;
  reconciler: Reconciler;
  host: string;
  requests: string[];
  /** Gives a version another tag. */
  tag: (version: string, tag: string) => Promise<void>;
  desired: (...services: Partial<DesiredService>[]) => DesiredState;
  now: { value: Date };
}

async function setStage(versions: readonly string[], project: Record<string, string[]> = {}): Promise<Stage> {
  const sandbox = createSandbox();
  const packed = await packServices(
    versions.map((version) => ({ version, variants: { ring: execCounter() }, project: project[version] ?? [] })),
  );
  const registry = await createRegistry({ root: join(sandbox.folder, 'registry') });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  const repository = new Repository({ registry: registry.host, repository: 'acme/test' });
  onTestFinished(() => repository.close());
  for (const version of versions) await copy(packed.store, version, repository, version);
  const node = await sandbox.openNode();
  const requests: string[] = [];
  const now = { value: new Date() };
  const reconciler = new Reconciler({
    node,
    stateDir: sandbox.stateDir,
    remote: {
      onRequest: ({ method, url, status }) => requests.push(`${method} ${new URL(url).pathname} ${status}`),
      retries: 0,
    },
    clock: () => now.value,
  });
  return {
    sandbox,
    node,
    reconciler,
    host: registry.host,
    requests,
    now,
    tag: async (version, tag) => {
      await repository.tag(await repository.resolve(version), tag);
    },
    desired: (...services) => ({
      schemaVersion: 1,
      services: services.map((service) => ({ name: 'test-service', allowUnsigned: true, ...service })),
    }),
  };
}

function outcomes({ services }: ReconcileReport): string[] {
  return services.map(({ service, action, outcome }) => `${service} ${action} ${outcome}`);
}

/** Source of a program that counts in values of a type. */
function counts(type: string): string {
  return `
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, ${type}); } seen SEC(".maps");
SEC("raw_tp/sched_process_exec") int count(void *ctx) { __u32 key = 1; ${type} one = 1; bpf_map_update_elem(&seen, &key, &one, 0); return 0; }
`;
}

describe.skipIf(!IS_ROOT)('reconciling', () => {
  it('installs, follows a channel, and asks one conditional question where nothing changed', async () => {
    const { node, reconciler, host, requests, tag, desired } = await setStage(['1.0.0', '1.1.0']);
    await tag('1.0.0', 'stable');
    const wanted = desired({ repository: `${host}/acme/test`, channel: 'stable' });
    expect(outcomes(await reconciler.reconcile(wanted, { dryRun: true }))).toEqual(['test-service install planned']);
    expect(await node.list()).toEqual([]);
    expect(outcomes(await reconciler.reconcile(wanted))).toEqual(['test-service install done']);
    requests.length = 0;
    expect(await reconciler.reconcile(wanted)).toEqual({
      services: [{ service: 'test-service', action: 'none', outcome: 'unchanged' }],
      settled: true,
    });
    expect(requests).toEqual(['HEAD /v2/acme/test/manifests/stable 304']);
    await tag('1.1.0', 'stable');
    const { services } = await reconciler.reconcile(wanted);
    expect(services).toMatchObject([
      { action: 'upgrade', outcome: 'done', from: { version: '1.0.0' }, to: { version: '1.1.0' } },
    ]);
    expect(await node.list()).toMatchObject([{ version: '1.1.0', state: 'attached' }]);
  });

  it('repairs and upgrades the others where the state of one service is damaged, and says which', async () => {
    const { sandbox, node, reconciler, host, desired } = await setStage(['1.0.0', '1.1.0']);
    await reconciler.reconcile(desired({ repository: `${host}/acme/test`, version: '1.0.0' }));
    writeFileSync(join(sandbox.stateDir, 'services', 'other.json'), '{');
    const { programs } = await node.status('test-service');
    for (const { link } of programs) rmSync(link?.pin ?? '');
    const report = await reconciler.reconcile(desired({ repository: `${host}/acme/test`, version: '1.1.0' }));
    expect(report).toMatchObject({
      services: [
        { service: 'other', action: 'restore', outcome: 'failed', error: { code: 'ERR_SHIM_STATE_CORRUPT' } },
        { service: 'test-service', action: 'restore', outcome: 'done' },
        { service: 'test-service', action: 'upgrade', outcome: 'done' },
      ],
      settled: false,
    });
    expect(await node.recheckHealth()).toEqual([]);
  });

  it('does not come back to what failed its health gate, until it is told to', async () => {
    const never = ['health: { for: 1, runs: [{ program: count, min: 1000000000 }] }'];
    const { node, reconciler, host, tag, desired } = await setStage(['1.0.0', '1.1.0'], { '1.1.0': never });
    await tag('1.0.0', 'stable');
    const service = { repository: `${host}/acme/test`, channel: 'stable' };
    await reconciler.reconcile(desired(service));
    await tag('1.1.0', 'stable');
    expect((await reconciler.reconcile(desired(service))).services).toMatchObject([
      { action: 'upgrade', outcome: 'failed', error: { code: 'ERR_SHIM_UNHEALTHY' } },
    ]);
    expect((await reconciler.reconcile(desired(service), { now: true })).services).toMatchObject([
      { action: 'none', outcome: 'waiting', reason: expect.stringContaining('failed its health gate') as string },
    ]);
    expect(await node.list()).toMatchObject([{ version: '1.0.0', state: 'attached' }]);
    const forced = desired({ ...service, health: false });
    expect(outcomes(await reconciler.reconcile(forced, { now: true }))).toEqual(['test-service upgrade done']);
  });

  it('takes the highest version of a range, one request where nothing changed, and never leads back', async () => {
    const { sandbox, node, reconciler, host, requests, desired } = await setStage(['1.0.0', '1.1.0', '2.0.0']);
    const wanted = desired({ repository: `${host}/acme/test`, version: '^1' });
    expect((await reconciler.reconcile(wanted)).services).toMatchObject([
      { outcome: 'done', to: { version: '1.1.0' } },
    ]);
    for (const asking of [
      reconciler,
      new Reconciler({
        node,
        stateDir: sandbox.stateDir,
        remote: {
          onRequest: ({ method, url, status }) => requests.push(`${method} ${new URL(url).pathname} ${status}`),
        },
      }),
    ]) {
      requests.length = 0;
      expect(outcomes(await asking.reconcile(wanted))).toEqual(['test-service none unchanged']);
      expect(requests).toEqual(['GET /v2/acme/test/tags/list 304']);
    }
    const older = desired({ repository: `${host}/acme/test`, version: '<=1.1' });
    await using repository = new Repository({ registry: host, repository: 'acme/test' });
    expect((await repository.resolve('1.0.0')).digest).toBeDefined();
    expect(outcomes(await reconciler.reconcile(older))).toEqual(['test-service none unchanged']);
    // Outside of the range, it is what the document says.
    const exact = desired({ repository: `${host}/acme/test`, version: '1.0.0' });
    expect((await reconciler.reconcile(exact)).services).toMatchObject([{ outcome: 'done', to: { version: '1.0.0' } }]);
    expect(
      (await reconciler.reconcile(desired({ repository: `${host}/acme/test`, version: '^7' }))).services,
    ).toMatchObject([{ outcome: 'failed', error: { code: 'ERR_SHIM_NO_VERSION' } }]);
    expect(await node.list()).toMatchObject([{ version: '1.0.0', state: 'attached' }]);
  });

  it('honours holds, digests and maintenance windows, whatever the clock does', async () => {
    const { node, reconciler, host, requests, tag, desired, now } = await setStage(['1.0.0', '1.1.0']);
    await tag('1.0.0', 'stable');
    const source = { repository: `${host}/acme/test`, channel: 'stable' };
    await reconciler.reconcile(desired(source));
    const digest = (await node.list())[0]?.digest ?? '';
    await tag('1.1.0', 'stable');
    requests.length = 0;
    expect((await reconciler.reconcile(desired({ ...source, hold: true }))).services).toMatchObject([
      { outcome: 'unchanged', reason: 'held' },
    ]);
    expect(outcomes(await reconciler.reconcile(desired({ repository: `${host}/acme/test`, digest })))).toEqual([
      'test-service none unchanged',
    ]);
    expect(requests).toEqual([]);
    const windowed = desired({ ...source, maintenanceWindows: [{ start: '02:00', end: '03:00' }] });
    now.value = new Date('2026-01-01T01:00:00Z');
    expect((await reconciler.reconcile(windowed)).services).toMatchObject([
      { outcome: 'waiting', reason: 'outside of its maintenance windows' },
    ]);
    now.value = new Date('1970-01-01T00:00:00Z');
    expect((await reconciler.reconcile(windowed)).settled).toBe(false);
    expect(await node.list()).toMatchObject([{ version: '1.0.0' }]);
    now.value = new Date('2026-01-01T02:30:00Z');
    expect(outcomes(await reconciler.reconcile(windowed))).toEqual(['test-service upgrade done']);
  });

  it('repairs drift, leaves unnamed services alone, and takes them away where it may', async () => {
    const { sandbox, node, reconciler, host, desired } = await setStage(['1.0.0']);
    const wanted = desired({ reference: `${host}/acme/test:1.0.0` });
    await reconciler.reconcile(wanted);
    const { programs } = await node.status('test-service');
    rmSync(programs[0]?.link?.pin ?? '');
    expect(outcomes(await reconciler.reconcile(wanted, { dryRun: true }))).toEqual(['test-service restore planned']);
    expect(outcomes(await reconciler.reconcile(wanted, { localOnly: true }))).toEqual(['test-service restore done']);
    expect(outcomes(await reconciler.reconcile(desired()))).toEqual([]);
    expect(await node.list()).toHaveLength(1);
    expect(outcomes(await reconciler.reconcile({ ...desired(), prune: true }))).toEqual([
      'test-service uninstall done',
    ]);
    expect(sandbox.pins()).toEqual([]);
  });

  it('does not try again what would meet the same refusal, before the source offers something else', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { one: counts('__u32') }, events: {} },
      { version: '1.1.0', variants: { one: counts('__u64') }, events: {} },
      { version: '1.1.1', variants: { one: `${counts('__u32')}\nint more;` }, events: {} },
    ]);
    await using registry = await createRegistry({ root: join(sandbox.folder, 'registry') });
    await using repository = new Repository({ registry: registry.host, repository: 'acme/test' });
    for (const version of ['1.0.0', '1.1.0', '1.1.1']) await copy(packed.store, version, repository, version);
    const offer = async (version: string): Promise<void> => {
      await repository.tag(await repository.resolve(version), 'stable');
    };
    await offer('1.0.0');
    const node = await sandbox.openNode();
    const reconciler = new Reconciler({ node, stateDir: sandbox.stateDir });
    const source = { name: 'test-service', repository: `${registry.host}/acme/test`, channel: 'stable' };
    const wanted: DesiredState = { schemaVersion: 1, services: [{ ...source, allowUnsigned: true }] };
    await reconciler.reconcile(wanted);
    await offer('1.1.0');
    expect((await reconciler.reconcile(wanted)).services).toMatchObject([
      { outcome: 'failed', error: { code: 'ERR_SHIM_MAP_INCOMPATIBLE' } },
    ]);
    // Also once the waiting is over.
    const later = new Reconciler({ node, stateDir: sandbox.stateDir });
    expect(outcomes(await later.reconcile(wanted))).toEqual(['test-service upgrade failed']);
    expect((await later.reconcile(wanted)).services).toMatchObject([{ outcome: 'waiting' }]);
    await offer('1.1.1');
    expect(outcomes(await later.reconcile(wanted, { now: true }))).toEqual(['test-service upgrade done']);
    expect(await node.list()).toMatchObject([{ version: '1.1.1', state: 'attached' }]);
  });

  it('stops and starts, and follows interfaces that come', async () => {
    const { node, reconciler, host, requests, tag, desired } = await setStage(['1.0.0', '1.1.0']);
    const source = { repository: `${host}/acme/test`, channel: 'stable' };
    await tag('1.0.0', 'stable');
    await reconciler.reconcile(desired(source));
    expect(outcomes(await reconciler.reconcile(desired({ ...source, state: 'stopped' })))).toEqual([
      'test-service stop done',
    ]);
    expect(await node.list()).toMatchObject([{ state: 'stopped' }]);
    await tag('1.1.0', 'stable');
    requests.length = 0;
    for (const state of ['stopped', undefined] as const)
      expect((await reconciler.reconcile(desired({ ...source, ...(state ? { state } : {}) }))).services).toMatchObject([
        { outcome: 'unchanged', reason: 'stopped' },
      ]);
    expect(requests).toEqual([]);
    const running = desired({ ...source, state: 'running' });
    expect(outcomes(await reconciler.reconcile(running))).toEqual(['test-service start done']);
    expect(outcomes(await reconciler.reconcile(running))).toEqual(['test-service upgrade done']);
    expect(await node.list()).toMatchObject([{ state: 'attached', version: '1.1.0' }]);
  });

  it('follows interfaces that patterns match, and targets that the document changes', async () => {
    const sandbox = createSandbox();
    const [one, two] = [layCable(), layCable()];
    const packed = await packServices([{ version: '1.0.0', variants: { x: packetCounter() }, events: {} }]);
    const node = await sandbox.openNode();
    const pattern = `${one.name.replace(/x\d+$/, '')}x*`;
    await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: one.name } } });
    const reconciler = new Reconciler({ node, stateDir: sandbox.stateDir });
    const wanted: DesiredState = {
      schemaVersion: 1,
      services: [
        {
          name: 'test-service',
          repository: '127.0.0.1:1/none',
          version: '1.0.0',
          hold: true,
          allowUnsigned: true,
          attach: { '*': { interfaceName: pattern } },
        },
      ],
    };
    const hooks = async (): Promise<string[]> => (await node.status('test-service')).programs.map(({ hook }) => hook);
    expect(outcomes(await reconciler.reconcile(wanted))).toEqual(['test-service attach done']);
    expect(await hooks()).toEqual([one, two].map(({ name }) => `xdp:${name}`).sort());
    const three = layCable();
    expect(outcomes(await reconciler.reconcile(wanted, { localOnly: true }))).toEqual(['test-service attach done']);
    expect(await hooks()).toHaveLength(3);
    expect(outcomes(await reconciler.reconcile(wanted, { localOnly: true }))).toEqual(['test-service none unchanged']);
    three.remove();
    two.remove();
    expect(outcomes(await reconciler.reconcile(wanted, { localOnly: true }))).toEqual(['test-service attach done']);
    expect(await hooks()).toEqual([`xdp:${one.name}`]);
    expect(await node.list()).toMatchObject([{ state: 'attached', generation: 1 }]);
  });

  it('goes on with the others where one fails, which waits', async () => {
    const { reconciler, host, desired } = await setStage(['1.0.0']);
    const wanted = desired(
      { name: 'gone', reference: `${host}/acme/gone:1` },
      { name: 'unreachable', reference: '127.0.0.1:1/acme/x:1' },
      { name: 'another', reference: `${host}/acme/test:1.0.0` },
      { reference: `${host}/acme/test:1.0.0` },
    );
    const { services, settled } = await reconciler.reconcile(wanted);
    expect(settled).toBe(false);
    expect(services).toMatchObject([
      { service: 'gone', outcome: 'failed', error: { code: 'ERR_OCI_NOT_FOUND' } },
      { service: 'unreachable', outcome: 'failed', error: { code: 'ERR_OCI_UNREACHABLE' } },
      { service: 'another', outcome: 'failed', error: { code: 'ERR_SHIM_WRONG_SERVICE' } },
      { service: 'test-service', outcome: 'done' },
    ]);
    expect(outcomes(await reconciler.reconcile(wanted))).toEqual([
      'gone none waiting',
      'unreachable none waiting',
      'another none waiting',
      'test-service none unchanged',
    ]);
    expect(reconciler.nextRetryMs()).toBeGreaterThan(0);
  });
});
