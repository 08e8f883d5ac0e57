import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OciLayoutStore } from '@bpfship/oras-client';
import { copy } from '@bpfship/oras-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServiceState } from '../../src/node/state-schema.ts';
import { createSandbox, IS_ROOT, type Sandbox } from '../support/sandbox.ts';
import { type PackedServices, packServices, type TestService } from '../support/test-service.ts';

const SERVICE = 'test-service';

/** Counts its runs as errors, and sends an event for each, where it is told to. */
function version(number: string, how: { errors?: boolean; events?: boolean; health?: string }): TestService {
  return {
    version: number,
    project: how.health === undefined ? [] : [`health: ${how.health}`],
    variants: {
      one: `
struct event { __u64 number; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } events SEC(".maps");
struct tally { __u64 errors; };
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct tally); } tallies SEC(".maps");
struct event *unused;
SEC("raw_tp/sched_process_exec") int count(void *ctx)
{
	__u32 zero = 0;
	struct event event = { 1 };
	struct tally *tally = bpf_map_lookup_elem(&tallies, &zero);
	if (${how.errors ? 1 : 0} && tally)
		tally->errors++;
	if (${how.events === false ? 0 : 1})
		bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	return 0;
}
`,
    },
  };
}

/** Starts programs until the test is over. */
function keepBusy(): void {
  const timer = setInterval(() => void spawnSync('/bin/true'), 20);
  onTestFinished(() => clearInterval(timer));
}

function stateOf({ stateDir }: Sandbox): ServiceState {
  return JSON.parse(readFileSync(join(stateDir, 'services', `${SERVICE}.json`), 'utf8')) as ServiceState;
}

const ALL = `{ for: 1, eventsFlow: [{ map: events, within: 1 }], errorCounter: [{ map: tallies, key: 0, field: errors, max: 3 }], runTime: [{ program: count, maxNsPerRun: 1000000000 }], runs: [{ program: count, min: 1 }] }`;

describe.skipIf(!IS_ROOT)('the health gate', () => {
  it('is passed by a version that does what it declares, and recorded', async () => {
    keepBusy();
    const sandbox = createSandbox();
    const packed = await packServices([version('1.0.0', {}), version('2.0.0', { health: ALL })]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    const { health, steps } = await node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE });
    expect(health?.verdict).toBe('healthy');
    expect(health?.probes.map(({ state, detail }) => `${state} ${detail.replaceAll(/\d+/g, 'N')}`)).toEqual([
      'passed N bytes of events came through events',
      'passed tallies[N].errors rose by N, at most N allowed',
      'passed program count took N ns a run, at most N allowed (N runs)',
      'passed program count ran N times, at least N wanted',
    ]);
    expect(steps.at(-1)?.step).toBe('health');
    expect((await node.status(SERVICE)).generations[1]?.health).toMatchObject({ verdict: 'healthy', before: 1 });
  });

  it.each([
    [
      'errors',
      { errors: true, health: '{ for: 60, errorCounter: [{ map: tallies, key: 0, field: errors, max: 3 }] }' },
      /tallies\[0\]\.errors rose by \d+, at most 3 allowed/,
    ],
    [
      'silence',
      { events: false, health: '{ for: 60, eventsFlow: [{ map: events, within: 1 }] }' },
      /no event came through events in 1 s/,
    ],
    [
      'slowness',
      { health: '{ for: 1, runTime: [{ program: count, maxNsPerRun: 1 }] }' },
      /program count took \d+ ns a run, at most 1 allowed/,
    ],
    [
      'idleness',
      { health: '{ for: 1, runs: [{ program: count, min: 1000000 }] }' },
      /program count ran \d+ times, at least 1000000 wanted/,
    ],
  ])('brings the version before back for its %s', async (_what, how, message) => {
    keepBusy();
    const sandbox = createSandbox();
    const packed = await packServices([version('1.0.0', {}), version('2.0.0', how)]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await expect(node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE })).rejects.toMatchObject({
      code: 'ERR_SHIM_UNHEALTHY',
      message: expect.stringMatching(
        new RegExp(
          `^test-service 2.0.0 \\(generation 2\\) failed .*${message.source}.*generation 1 \\(1.0.0\\) runs again$`,
        ),
      ) as string,
    });
    expect(await node.list()).toMatchObject([{ version: '1.0.0', generation: 1, state: 'attached' }]);
    expect(stateOf(sandbox)).toMatchObject({ current: 1, generations: [{}, { health: { verdict: 'failed' } }] });
    expect(sandbox.pins().filter((pin) => pin.includes('generations/2'))).toEqual([]);

    // The gate can be left out, and the way back then passes over what has failed.
    await node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE, health: false });
    expect(stateOf(sandbox).generations[2]?.health).toBeUndefined();
    expect((await node.rollback({ service: SERVICE })).generation).toBe(1);
  });

  it('removes what fails right after its install, where that was asked for', async () => {
    keepBusy();
    const sandbox = createSandbox();
    const packed = await packServices([version('1.0.0', { events: false, health: ALL })]);
    const node = await sandbox.openNode();
    await expect(node.install({ ...packed.unsigned('1.0.0'), health: { seconds: 1 } })).rejects.toMatchObject({
      code: 'ERR_SHIM_UNHEALTHY',
      message: expect.stringMatching(/test-service was removed$/) as string,
    });
    expect([await node.list(), sandbox.pins()]).toEqual([[], []]);
    await node.install(packed.unsigned('1.0.0'));
    expect(await node.list()).toMatchObject([{ state: 'attached' }]);
  });

  it('is taken up again after the process that watched was killed', async () => {
    keepBusy();
    const sandbox = createSandbox();
    const packed = await packServices([
      version('1.0.0', {}),
      version('2.0.0', {
        errors: true,
        health: '{ for: 60, errorCounter: [{ map: tallies, key: 0, field: errors, max: 3 }] }',
      }),
    ]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    await upgradeAndDie(sandbox, packed, '2.0.0');
    expect(await node.list()).toMatchObject([{ version: '2.0.0', state: 'attached' }]);
    expect(stateOf(sandbox).generations[1]?.health).toMatchObject({ verdict: 'pending', before: 1 });
    expect(await node.recheckHealth()).toEqual([
      expect.stringMatching(/errors rose by \d+, at most 3 allowed; generation 1 \(1.0.0\) runs again$/) as string,
    ]);
    expect(await node.list()).toMatchObject([{ version: '1.0.0', state: 'attached' }]);
    expect(await node.recheckHealth()).toEqual([]);
  });

  it('says nothing any more where somebody changed the service meanwhile', async () => {
    keepBusy();
    const sandbox = createSandbox();
    const packed = await packServices([
      version('1.0.0', {}),
      version('2.0.0', { health: ALL.replace('for: 1', 'for: 2') }),
    ]);
    const [node, other] = [await sandbox.openNode(), await sandbox.openNode()];
    await node.install(packed.unsigned('1.0.0'));
    let back: Promise<unknown> | undefined;
    const upgrading = node.upgrade({
      ...packed.unsigned('2.0.0'),
      service: SERVICE,
      onStep: ({ step }) => {
        if (step === 'record') back = other.rollback({ service: SERVICE });
      },
    });
    expect((await upgrading).warnings).toEqual([expect.stringContaining('somebody changed test-service')]);
    await back;
    expect(await node.list()).toMatchObject([{ version: '1.0.0', state: 'attached' }]);
  });

  it('counts runs over a stop and a start', async () => {
    keepBusy();
    const sandbox = createSandbox();
    const packed = await packServices([
      version('1.0.0', {}),
      version('2.0.0', { health: '{ for: 3, runs: [{ program: count, min: 1 }] }' }),
    ]);
    const [node, other] = [await sandbox.openNode(), await sandbox.openNode()];
    await node.install(packed.unsigned('1.0.0'));
    // The stub has counted more before than it will after.
    await using _counting = await node.countRuns();
    await sleep(2500);
    let again: Promise<unknown> | undefined;
    const { health } = await node.upgrade({
      ...packed.unsigned('2.0.0'),
      service: SERVICE,
      onStep: ({ step }) => {
        if (step !== 'record') return;
        again = sleep(2000)
          .then(() => other.stop({ service: SERVICE }))
          .then(() => other.start({ service: SERVICE }));
      },
    });
    await again;
    expect(health?.probes).toMatchObject([{ state: 'passed', detail: expect.stringMatching(/ran [1-9]/) as string }]);
    expect(await node.list()).toMatchObject([{ version: '2.0.0', state: 'attached' }]);
  });
});

/** An upgrade whose process is killed once the generation is recorded. */
async function upgradeAndDie(sandbox: Sandbox, packed: PackedServices, reference: string): Promise<void> {
  const layout = join(sandbox.folder, 'layout');
  await copy(packed.store, reference, await OciLayoutStore.open(layout, { create: true }), reference);
  const script = join(import.meta.dirname, '..', 'support', 'change-and-die.ts');
  const args = [sandbox.stateDir, sandbox.bpffsDir, layout, reference, SERVICE, '', 'record'];
  expect(() => execFileSync(process.execPath, [script, ...args], { stdio: 'ignore' })).toThrow(
    expect.objectContaining({ signal: 'SIGKILL' }) as Error,
  );
}
