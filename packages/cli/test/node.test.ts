import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, type RunningCli, seen, spawnCli, startCli } from './support/cli.ts';
import { type PackedService, packService } from './support/packed-service.ts';

let service: PackedService;
/** A node of its own: state, and a BPF file system that the shim mounts. */
let env: Record<string, string>;
const started: RunningCli[] = [];

const cli = (...args: string[]): Promise<Outcome> => spawnCli(args, { env });
const start = (...args: string[]): RunningCli => {
  const running = startCli(args, { env });
  started.push(running);
  return running;
};
const trusted = (): string[] => [service.reference, '--key', service.publicKey];
/** Nothing of ours is in the kernel: the BPF file system is unmounted or holds only what the kernel puts there. */
const expectNothingLeft = async (): Promise<void> => {
  expect(await cli('ps')).toMatchObject({ status: 0, stdout: 'No service is installed.\n' });
  expect(await cli('restore')).toMatchObject({ status: 0, stdout: 'No service is installed.\n' });
  const left = existsSync(service.folder.file('bpffs')) ? readdirSync(service.folder.file('bpffs')) : [];
  expect(left.filter((name) => !/^(?:maps|progs)\.debug$/.test(name))).toEqual([]);
};

describe.skipIf(process.getuid?.() !== 0)('a node', () => {
  beforeAll(async () => {
    service = await packService();
    mkdirSync(service.folder.file('bpffs'));
    env = { BPFSHIP_STATE_DIR: service.folder.file('state'), BPFSHIP_BPFFS: service.folder.file('bpffs/bpfship') };
  });
  afterEach(async () => {
    for (const { child, ended } of started.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
    const { stdout } = await cli('ps', '-q');
    for (const name of stdout.split('\n').filter(Boolean)) await cli('uninstall', name);
  });
  afterAll(async () => {
    // Pins go with their file system, also where a test failed half-way.
    for (const path of ['bpffs/bpfship', 'bpffs']) spawnSync('umount', ['-q', service.folder.file(path)]);
    await service[Symbol.asyncDispose]();
  });

  it('install, ps, status, logs, uninstall, each as text, JSON and brief', async () => {
    const installed = await cli('install', ...trusted(), '-j');
    expect(installed.status, installed.stderr).toBe(0);
    expect(Object.keys(JSON.parse(installed.stdout) as object)).toEqual(
      expect.arrayContaining([
        'bytes',
        'digest',
        'generation',
        'programs',
        'rejected',
        'requests',
        'service',
        'signer',
        'steps',
        'variant',
        'version',
      ]),
    );
    expect(await cli('ps', '-q')).toEqual({ status: 0, stdout: 'probe\n', stderr: '' });
    const [row] = JSON.parse((await cli('ps', '-j')).stdout) as Record<string, unknown>[];
    expect(Object.keys(row ?? {})).toEqual(
      expect.arrayContaining(['name', 'version', 'variant', 'generation', 'state', 'programs', 'digest']),
    );
    expect((await cli('status', 'probe')).stdout).toMatch(/^probe 0\.1\.0, variant ringbuf, attached\n/);
    expect(await cli('status', 'probe', '-q')).toMatchObject({ status: 0, stdout: 'attached\n' });
    expect(JSON.parse((await cli('status', 'probe', '--maps', '-j')).stdout)).toMatchObject({
      name: 'probe',
      contents: {},
    });

    const again = await cli('install', ...trusted());
    expect([again.status, again.stdout]).toEqual([1, '']);
    expect(again.stderr).toContain('bpfship upgrade probe REFERENCE');

    const rolled = await cli('rollback', 'probe');
    expect([rolled.status, rolled.stdout]).toEqual([1, '']);
    expect(await cli('uninstall', 'probe', '-q')).toEqual({ status: 0, stdout: 'probe\n', stderr: '' });
    expect(await cli('uninstall', 'probe')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^Error: probe is not installed/) as string,
    });
    await expectNothingLeft();
  });

  it('logs show events as lines, end by count and by time, and survive a flood', async () => {
    expect(await cli('install', ...trusted())).toMatchObject({ status: 0 });
    const counted = start('logs', 'probe', '--count', '200', '--format', 'json');
    const flood = setInterval(
      () => execFileSync('/bin/sh', ['-c', 'for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done']),
      20,
    );
    const { status, stdout } = await counted.ended.finally(() => clearInterval(flood));
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect([status, lines.length]).toEqual([0, 200]);
    for (const line of lines) expect(Object.keys(line)).toEqual(['service', 'stream', 'event']);
    expect(await cli('logs', 'probe', '--duration', '0.2')).toMatchObject({ status: 0, stderr: '' });
  });

  it('logs as columns, maps, metrics and top show what a service does', async () => {
    expect(await cli('install', ...trusted())).toMatchObject({ status: 0 });
    const flood = setInterval(() => execFileSync('/bin/true'), 20);
    try {
      const columns = await cli('logs', 'probe', '--count', '2', '--columns', 'pid,comm,nothing');
      expect(columns.stdout).toMatch(/^ *PID  COMM +NOTHING\n *\d+  \S+.*\n *\d+  \S+.*\n$/);
      expect(columns.stderr).toMatch(/^Warning: events of \w+ have no field "nothing"; they have: /);
      const once = await cli('top', '--once', '--interval', '0.5', '-o', 'json');
      const { services } = JSON.parse(once.stdout) as { services: { service: string; runsPerSecond: number }[] };
      expect(services).toMatchObject([{ service: 'probe', programs: [{}] }]);
      expect(services[0]?.runsPerSecond).toBeGreaterThan(0);
      expect((await cli('top', '--count', '2', '--interval', '0.1', '--sort', 'runs')).stdout).toMatch(
        /^\S+ {2}1 service, 1 program, over [\d.]+ s, by runs\nSERVICE [^]*\nprobe [^]*\n\n\S+ {2}1 service/,
      );
    } finally {
      clearInterval(flood);
    }
    expect(await cli('maps', 'probe')).toMatchObject({ status: 0 });
    expect((await cli('maps', 'probe', 'events')).stderr).toContain('bpfship logs probe');
    const metrics = await cli('metrics', 'probe', '--for', '0.1');
    expect(metrics.stdout).toMatch(/\nbpfship_program_runs_total\{service="probe",program="\w+"\} \d+\n[^]*# EOF\n$/);
    expect(JSON.parse((await cli('metrics', '-j')).stdout)).toHaveProperty('resourceMetrics');
    expect((await cli('metrics', '--push', 'http://127.0.0.1:1/v1/metrics')).stderr).toMatch(
      /^Error: metrics could not be pushed to http:\/\/127\.0\.0\.1:1/,
    );
  });

  it('run removes what it installed: after its count, its time, and when the reader leaves', async () => {
    const busy = setInterval(() => execFileSync('/bin/true'), 20);
    try {
      const counted = await cli('run', ...trusted(), '--count', '2');
      expect([counted.status, counted.stdout.trimEnd().split('\n').length]).toEqual([0, 2]);
      expect(counted.stdout).toMatch(/^timestamp_ns=\d+ pid=\d+ uid=\d+ comm=\S+$/m);
      await expectNothingLeft();
      expect(await cli('run', ...trusted(), '--duration', '0.2', '-q')).toMatchObject({ status: 0, stderr: '' });
      await expectNothingLeft();

      const read = start('run', ...trusted());
      await seen(read, 'stdout', 'comm=');
      read.child.stdout?.destroy();
      expect((await read.ended).status).toBe(0);
      await expectNothingLeft();
    } finally {
      clearInterval(busy);
    }
  });

  it('run removes what it installed after Ctrl-C, and ends with 130', async () => {
    const running = start('run', ...trusted());
    await seen(running, 'stderr', 'Running probe');
    running.child.kill('SIGINT');
    expect((await running.ended).status).toBe(130);
    await expectNothingLeft();
  });

  it.each(['resolve', 'facts', 'fetch', 'load', 'record'])(
    'run leaves nothing when Ctrl-C comes at the step "%s"',
    async (step) => {
      const running = start('run', ...trusted());
      await seen(running, 'stderr', `  ${step} `);
      running.child.kill('SIGINT');
      expect(await running.ended).toMatchObject({ status: 130, stdout: '' });
      await expectNothingLeft();
    },
  );

  it('run does not touch a service that was there before', async () => {
    expect(await cli('install', ...trusted())).toMatchObject({ status: 0 });
    expect(await cli('run', ...trusted(), '--count', '1')).toMatchObject({ status: 1 });
    expect((await cli('ps', '-q')).stdout).toBe('probe\n');
  });
});
