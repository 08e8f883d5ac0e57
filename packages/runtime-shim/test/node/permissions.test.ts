import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPair, loadPrivateKey, type Policy, signArtifact } from '@bpfship/trust';
import { beforeAll, describe, expect, it } from 'vitest';
import { permissionsOf } from '../../src/node/permissions/permissions-of.ts';
import type { InstallOptions } from '../../src/node/node-options.ts';
import { compileObject } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { type PackedServices, packServices } from '../support/test-service.ts';

const SERVICE = 'test-service';
const PLAIN = 'SEC("raw_tp/sched_process_exec") int watch(void *ctx) { return 0; }';
/** Takes one more hook, and sends signals to processes. */
const MORE = `
SEC("raw_tp/sched_process_exec") int watch(void *ctx) { bpf_send_signal(0); return 0; }
SEC("tp/sched/sched_process_fork") int also(void *ctx) { return 0; }
`;
const ENDED = 'SEC("tp/sched/sched_process_exit") int ended(void *ctx) { return 0; }';

const publicKeys: string[] = [];
let packed: PackedServices;

/** Versions 1, 3 and 4 are signed by the first key, 2 by both. */
beforeAll(async () => {
  packed = await packServices([
    { version: '1.0.0', variants: { one: PLAIN }, events: {} },
    { version: '2.0.0', variants: { one: MORE }, events: {} },
    { version: '3.0.0', variants: { one: `${PLAIN}\n` }, events: {} },
    { version: '4.0.0', variants: { one: `${MORE}${ENDED}` }, events: {} },
  ]);
  for (const versions of [['1.0.0', '2.0.0', '3.0.0', '4.0.0'], ['2.0.0']]) {
    const pair = await generateKeyPair({ algorithm: 'ed25519' });
    publicKeys.push(pair.publicKey);
    const key = await loadPrivateKey(pair.privateKey, { password: '' });
    for (const version of versions) {
      const subject = packed.descriptors[version];
      if (subject) await signArtifact({ target: packed.store, subject, key });
    }
  }
});

const policy = (more: Partial<Policy> = {}): Policy => ({ keys: publicKeys.slice(0, 1), ...more });
const signed = (reference: string, under: Policy = policy()): InstallOptions => ({
  target: packed.store,
  reference,
  location: 'memory',
  policy: under,
});

describe('what an object does', () => {
  it('is read from its bytes, whatever the index says', () => {
    const object = compileObject(`
SEC("kprobe/do_unlinkat") int probe(void *ctx) { return 0; }
SEC("lsm.s/file_open") int guard(void *ctx) { return 0; }
SEC("xdp") int packet(struct xdp_md *ctx) { return bpf_xdp_adjust_head(ctx, 4) ? XDP_DROP : bpf_redirect(1, 0); }
SEC("uprobe//bin/sh:main") int called(void *ctx) { return 0; }
SEC("?kprobe/do_exit") int unused(void *ctx) { return 0; }
static __attribute__((noinline)) long act(void) { return bpf_send_signal_thread(9); }
SEC("tp/sched/sched_switch") int switched(void *ctx) { return act(); }
`);
    const index = [{ name: 'probe', section: 'xdp', type: 'xdp', hook: 'xdp' }];
    const found = permissionsOf(object, { programs: index });
    expect(found.map(({ kind, name, programs }) => `${kind}:${name} ${programs.join(',')}`).sort()).toEqual(
      [
        'capability:CAP_BPF probe,guard,packet,called,switched',
        'capability:CAP_NET_ADMIN packet',
        'capability:CAP_PERFMON probe,guard,called,switched',
        'capability:sleepable guard',
        'helper:bpf_redirect packet',
        'helper:bpf_send_signal_thread switched',
        'helper:bpf_xdp_adjust_head packet',
        'hook:kprobe:do_unlinkat probe',
        'hook:lsm:file_open guard',
        'hook:tracepoint:sched/sched_switch switched',
        'hook:uprobe:/bin/sh:main called',
        'hook:xdp packet,probe',
      ].sort(),
    );
  });
});

describe.skipIf(!IS_ROOT)('an upgrade that does more', () => {
  it('is stopped before anything is loaded, and says what is new', async () => {
    const sandbox = createSandbox();
    const node = await sandbox.openNode();
    await node.install(signed('1.0.0'));
    const pins = sandbox.pins();
    await expect(node.upgrade({ ...signed('2.0.0'), service: SERVICE })).rejects.toMatchObject({
      code: 'ERR_SHIM_DENIED',
      message:
        'test-service 2.0.0 does what the running version does not: helper:bpf_send_signal, hook:tracepoint:sched/sched_process_fork',
      hint: 'To let it: --allow-new helper:bpf_send_signal --allow-new hook:tracepoint:sched/sched_process_fork',
      details: [
        '  helper:bpf_send_signal (program watch)',
        '  hook:tracepoint:sched/sched_process_fork (program also)',
      ].join('\n'),
    });
    expect([sandbox.pins(), (await node.list())[0]?.version]).toEqual([pins, '1.0.0']);

    // Half of it is not enough, and what does nothing new passes.
    const half = { ...signed('2.0.0'), service: SERVICE, allowNew: ['hook:*'] };
    await expect(node.upgrade(half)).rejects.toMatchObject({ details: '  helper:bpf_send_signal (program watch)' });
    await node.upgrade({ ...signed('3.0.0'), service: SERVICE });
    await node.upgrade({ ...signed('2.0.0'), service: SERVICE, allowNew: ['hook:tracepoint:*', 'helper:bpf_send_*'] });
    expect((await node.list())[0]?.version).toBe('2.0.0');
  });

  it('may take one more hook of a kind that it takes already, which is said, unless the policy lists its hooks', async () => {
    const sandbox = createSandbox();
    const node = await sandbox.openNode();
    await node.install(signed('2.0.0'));
    const narrow = policy({ allow: { hooks: ['raw-tracepoint:*', 'tracepoint:sched/sched_process_fork'] } });
    await expect(node.upgrade({ ...signed('4.0.0', narrow), service: SERVICE })).rejects.toMatchObject({
      code: 'ERR_SHIM_DENIED',
      message: 'test-service 4.0.0 does what the policy does not allow: hook:tracepoint:sched/sched_process_exit',
    });
    const { warnings } = await node.upgrade({ ...signed('4.0.0'), service: SERVICE });
    expect(warnings).toEqual(['new: hook:tracepoint:sched/sched_process_exit (program ended)']);
  });

  it('passes what the policy allows, and nothing else, whoever lets it', async () => {
    const sandbox = createSandbox();
    const node = await sandbox.openNode();
    const hooks = ['raw-tracepoint:*', 'tracepoint:sched/*'];
    const wide = policy({ allow: { hooks, helpers: ['bpf_send_signal'] } });
    const narrow = policy({ allow: { hooks: ['raw-tracepoint:*'] } });
    await expect(node.install(signed('2.0.0', narrow))).rejects.toMatchObject({
      code: 'ERR_SHIM_DENIED',
      message: 'test-service 2.0.0 does what the policy does not allow: hook:tracepoint:sched/sched_process_fork',
    });
    await node.install(signed('1.0.0', narrow));
    const forced = { ...signed('2.0.0', narrow), service: SERVICE, allowNew: ['hook:*', 'helper:*'] };
    await expect(node.upgrade(forced)).rejects.toMatchObject({ code: 'ERR_SHIM_DENIED' });
    await node.upgrade({ ...signed('2.0.0', wide), service: SERVICE });
  });

  it('is only said where nobody asks for a policy', async () => {
    const sandbox = createSandbox();
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    const { warnings } = await node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE });
    expect(warnings).toEqual([
      'new: helper:bpf_send_signal (program watch)',
      'new: hook:tracepoint:sched/sched_process_fork (program also)',
    ]);
  });
});

describe.skipIf(!IS_ROOT)('a rollback', () => {
  it('is held against the keys of today where they are given, by the signature that was kept', async () => {
    const sandbox = createSandbox();
    const node = await sandbox.openNode();
    await node.install(signed('1.0.0'));
    await node.upgrade({ ...signed('3.0.0'), service: SERVICE });
    const today: Policy = { keys: publicKeys.slice(1) };
    await expect(node.rollback({ service: SERVICE, policy: today })).rejects.toMatchObject({
      code: 'ERR_TRUST_NO_MATCH',
      message: expect.stringContaining('satisfies the policy no more') as string,
    });
    const less = policy({ allow: { hooks: ['xdp'] } });
    await expect(node.rollback({ service: SERVICE, policy: less })).rejects.toMatchObject({ code: 'ERR_SHIM_DENIED' });
    expect((await node.list())[0]?.version).toBe('3.0.0');
    await node.garbageCollect();
    await node.rollback({ service: SERVICE, policy: policy() });
    await node.rollback({ service: SERVICE, to: 2 });
    expect((await node.list())[0]?.version).toBe('3.0.0');
  });

  it('to what was never signed is refused where a key is asked for', async () => {
    const sandbox = createSandbox();
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await node.upgrade({ ...signed('3.0.0'), service: SERVICE });
    await expect(node.rollback({ service: SERVICE, policy: policy() })).rejects.toMatchObject({
      code: 'ERR_TRUST_NO_SIGNATURE',
    });
  });

  it('needs the signature that was kept, unchanged', async () => {
    const sandbox = createSandbox();
    const node = await sandbox.openNode();
    const { digest } = await node.install(signed('1.0.0'));
    await node.upgrade({ ...signed('3.0.0'), service: SERVICE });
    const state = await node.status(SERVICE);
    expect(state.generations[0]?.digest).toBe(digest);
    const bundles = sandbox.blobs().filter((name) => name.startsWith('sha256/'));
    for (const name of bundles) {
      const path = join(sandbox.stateDir, 'store', 'blobs', name);
      rmSync(path);
      writeFileSync(path, '{}');
    }
    await expect(node.rollback({ service: SERVICE, policy: policy() })).rejects.toMatchObject({
      code: 'ERR_SHIM_STATE_CORRUPT',
    });
    expect((await node.list())[0]?.state).toBe('attached');
  });
});
