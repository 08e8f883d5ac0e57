import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { copy, Repository } from '@bpfship/oras-client';
import { createRegistry } from '@bpfship/registry-dev';
import { generateKeyPair, loadPrivateKey, signArtifact } from '@bpfship/trust';
import type { ServiceEvent } from '../../src/observe/events/service-event.ts';
import type { ShimNode } from '../../src/node/shim-node.ts';
import { execCounter, UNFORESEEN } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';

async function countOf(node: ShimNode): Promise<number> {
  const [entry] = (await node.dumpMap('test-service', 'counts', 1)) ?? [];
  return Number(entry?.['value']);
}

/** The first event of a program of some name, while it is run again and again. */
async function firstEvent(node: ShimNode, comm: string): Promise<ServiceEvent> {
  const stop = new AbortController();
  const timer = setInterval(() => execFileSync(`/bin/${comm}`), 20);
  try {
    for await (const event of node.events('test-service', { signal: stop.signal })) {
      if (event.event?.['comm'] === comm) return event;
    }
  } finally {
    clearInterval(timer);
    stop.abort();
  }
  throw new Error('the events ended');
}

describe.skipIf(!IS_ROOT)('install', () => {
  it('brings a signed package from a registry into the kernel, in few requests, and uninstall leaves nothing', async () => {
    const sandbox = createSandbox();
    const { store, descriptors } = await packServices([{ version: '1.0.0', variants: { ring: execCounter() } }]);
    const subject = descriptors['1.0.0'];
    if (!subject) throw new Error('nothing was packed');
    const keys = await generateKeyPair({ password: 'x' });
    const key = await loadPrivateKey(keys.privateKey, { password: 'x' });
    await signArtifact({ target: store, subject, key });
    await using registry = await createRegistry({ root: join(sandbox.folder, 'registry') });
    const requests: string[] = [];
    const place = { registry: registry.host, repository: 'acme/test' };
    await using pushed = new Repository(place);
    await copy(store, '1.0.0', pushed, '1.0.0', { withReferrers: true });
    await using target = new Repository(place, { onRequest: ({ method, url }) => requests.push(`${method} ${url}`) });

    const node = await sandbox.openNode();
    const heard: string[] = [];
    const result = await node.install({
      target,
      reference: '1.0.0',
      location: `${registry.host}/acme/test`,
      policy: { keys: [keys.publicKey] },
      onStep: ({ step }) => void heard.push(step),
    });
    expect(requests.length).toBeLessThanOrEqual(6);
    expect(result).toMatchObject({
      service: 'test-service',
      version: '1.0.0',
      variant: 'ring',
      generation: 1,
      digest: subject.digest,
      signer: expect.any(String) as string,
      programs: [{ name: 'count', hook: 'raw-tracepoint:sched_process_exec', switched: 'attached' }],
      rejected: [],
      warnings: [],
    });
    expect(result.maps.map(({ name, contents }) => `${name} ${contents}`).sort()).toEqual([
      'counts new',
      'events new',
      'scratch new',
    ]);
    expect(heard).toEqual(['resolve', 'verify', 'facts', 'select', 'fetch', 'load', 'attach', 'record']);
    expect(await firstEvent(node, 'true')).toEqual({
      stream: 'events',
      event: { number: expect.anything() as number, comm: 'true' },
      lost: 0,
    });
    expect(await countOf(node)).toBeGreaterThan(0);

    const other = await sandbox.openNode();
    expect(await other.list()).toMatchObject([{ name: 'test-service', state: 'attached', programs: 1, generation: 1 }]);
    expect(await other.status('test-service')).toMatchObject({
      state: 'attached',
      signer: result.signer,
      programs: [{ name: 'count', state: 'attached', link: { type: 'raw_tracepoint' } }],
    });
    await other.uninstall({ service: 'test-service' });
    expect(await node.list()).toEqual([]);
    expect(sandbox.pins()).toEqual([]);
    expect(sandbox.blobs()).toEqual([]);
    await expect(node.status('test-service')).rejects.toMatchObject({ code: 'ERR_SHIM_NOT_INSTALLED' });
  });

  it('refuses a service that is there already, and one that is not for anything else', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([{ version: '1.0.0', variants: { ring: execCounter() } }]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    const pins = sandbox.pins();
    await expect(node.install(packed.unsigned('1.0.0'))).rejects.toMatchObject({ code: 'ERR_SHIM_ALREADY_INSTALLED' });
    expect(sandbox.pins()).toEqual(pins);
    expect(await node.list()).toMatchObject([{ name: 'test-service', state: 'attached' }]);
    for (const action of [
      () => node.rollback({ service: 'other' }),
      () => node.uninstall({ service: 'other' }),
      () => node.upgrade({ ...packed.unsigned('1.0.0'), service: 'other' }),
      () => node.dumpMap('other', 'counts', 1),
      () => node.events('other', { signal: new AbortController().signal }).next(),
    ]) {
      await expect(action()).rejects.toMatchObject({
        code: 'ERR_SHIM_NOT_INSTALLED',
        hint: 'Installed: test-service',
      });
    }
  });

  it('takes the next variant where the kernel rejects the first, and says so', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { bad: UNFORESEEN, good: execCounter() }, events: {} },
    ]);
    const node = await sandbox.openNode();
    const result = await node.install(packed.unsigned('1.0.0'));
    expect(result).toMatchObject({ variant: 'good', rejected: [{ variant: 'bad' }] });
    expect(result.rejected[0]?.reason).toContain('loading bad into the kernel');
  });

  it('leaves nothing where the kernel rejects all', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { bad: UNFORESEEN, worse: UNFORESEEN }, events: {} },
      { version: '1.0.1', variants: { bad: UNFORESEEN }, events: {} },
    ]);
    const node = await sandbox.openNode();
    await expect(node.install(packed.unsigned('1.0.0'))).rejects.toMatchObject({
      code: 'ERR_SHIM_NO_VARIANT',
      details: expect.stringMatching(/^ {2}bad: .*\n {2}worse: /) as string,
    });
    await expect(node.install(packed.unsigned('1.0.1'))).rejects.toMatchObject({
      code: 'ERR_KERNEL_LOAD_REJECTED',
      details: expect.stringContaining('reference') as string,
    });
    expect(sandbox.pins()).toEqual([]);
    expect(await node.list()).toEqual([]);
  });

  it('refuses a service for a kernel that has not what it needs', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { only: execCounter({ hook: 'raw_tp/no_such_tracepoint' }) } },
    ]);
    const node = await sandbox.openNode();
    await expect(node.install(packed.unsigned('1.0.0'))).rejects.toMatchObject({
      code: 'ERR_SHIM_NO_VARIANT',
      details: expect.stringContaining('no_such_tracepoint') as string,
      selection: { candidates: [] },
    });
    expect(sandbox.pins()).toEqual([]);
    expect(sandbox.blobs()).toEqual([]);
  });

  it('takes the variant that the user names, and knows when there is none', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([
      { version: '1.0.0', variants: { ring: execCounter(), perf: execCounter({ buffer: 'perf' }) } },
    ]);
    const node = await sandbox.openNode();
    await expect(node.install({ ...packed.unsigned('1.0.0'), variant: 'none' })).rejects.toMatchObject({
      code: 'ERR_SHIM_UNKNOWN_VARIANT',
      hint: 'It has: ring, perf',
    });
    expect(await node.install({ ...packed.unsigned('1.0.0'), variant: 'perf' })).toMatchObject({ variant: 'perf' });
    expect(await firstEvent(node, 'true')).toMatchObject({ stream: 'events', event: { comm: 'true' } });
  });

  it('says what a map is that is not there, and lists none of a ring buffer', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([{ version: '1.0.0', variants: { ring: execCounter() } }]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await expect(node.dumpMap('test-service', 'other', 1)).rejects.toMatchObject({ code: 'ERR_SHIM_NO_MAP' });
    expect(await node.dumpMap('test-service', 'events', 1)).toBeUndefined();
  });
});
