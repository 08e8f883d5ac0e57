import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { copy, OciLayoutStore, Repository } from '@bpfship/oras-client';
import { createRegistry } from '@bpfship/registry-dev';
import { DaemonClient } from '../../src/daemon/client.ts';
import { type DaemonOptions, ShimDaemon } from '../../src/daemon/shim-daemon.ts';
import { execCounter, packetCounter } from '../support/compile-object.ts';
import { familiesByParser } from '../support/parse-metrics.ts';
import { createSandbox, IS_ROOT, type Sandbox } from '../support/sandbox.ts';
import { packServices, type TestService } from '../support/test-service.ts';
import { layCable } from '../support/virtual-cable.ts';
import { waitFor } from '../support/wait-for.ts';

const ONE = [{ version: '1.0.0', variants: { ring: execCounter() } }];

interface Running {
  client: DaemonClient;
  logs: string[];
  stop: () => Promise<void>;
}

async function startDaemon({ stateDir, bpffsDir }: Sandbox, more: Partial<DaemonOptions> = {}): Promise<Running> {
  const logs: string[] = [];
  const daemon = await ShimDaemon.start({
    stateDir,
    bpffsDir,
    version: '0.0.0',
    log: (level, message, fields) => void logs.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`),
    ...more,
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= daemon[Symbol.asyncDispose]());
  onTestFinished(stop);
  return { client: new DaemonClient(daemon.socket), logs, stop };
}

/** The body of an answer. */
function textFrom(socketPath: string, path: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, headers }, (response) => resolve(text(response)));
    asking.on('error', reject).end();
  });
}

/** An OCI layout with packages, and what installs one of them. */
async function layoutOf(sandbox: Sandbox, services: readonly TestService[]): Promise<(version: string) => object> {
  const packed = await packServices(services);
  const path = join(sandbox.folder, `layout-${services[0]?.name ?? 'one'}`);
  const layout = await OciLayoutStore.open(path, { create: true });
  for (const { version } of services) await copy(packed.store, version, layout, version);
  return (version) => ({ reference: `${path}:${version}`, ociLayout: true, allowUnsigned: true });
}

/** What another user gets from the socket: a status, or the code of an error. */
async function askAs(uid: number, socket: string): Promise<string> {
  const script = `const r=require('http').get({socketPath:${JSON.stringify(socket)},path:'/v1/health'},(a)=>{console.log(a.statusCode);a.resume()});r.on('error',(e)=>console.log(e.code))`;
  const options = { encoding: 'utf8', uid, gid: uid, env: { PATH: process.env['PATH'] } } as const;
  return (await promisify(execFile)(process.execPath, ['-e', script], options)).stdout.trim();
}

describe.skipIf(!IS_ROOT)('the daemon', () => {
  it('does over its socket what the node does, and nothing is detached when it ends', async () => {
    const sandbox = createSandbox();
    const source = await layoutOf(sandbox, [...ONE, { version: '1.1.0', variants: { ring: execCounter() } }]);
    const { client, stop } = await startDaemon(sandbox);
    expect(statSync(client.socket).mode & 0o777).toBe(0o600);
    expect(await client.call('GET', '/v1/health')).toMatchObject({ pid: process.pid, version: '0.0.0' });
    expect(await client.call('GET', '/v1/services')).toEqual([]);
    expect(await client.call('POST', '/v1/services', source('1.0.0'))).toMatchObject({
      service: 'test-service',
      generation: 1,
    });
    const steps: string[] = [];
    for await (const line of client.lines('POST', '/v1/services/test-service/upgrade', source('1.1.0')))
      steps.push(Object.keys(line)[0] ?? '');
    expect([...new Set(steps)]).toEqual(['step', 'result']);
    expect(await client.call('GET', '/v1/services/test-service')).toMatchObject({
      version: '1.1.0',
      state: 'attached',
    });
    expect(await client.call('POST', '/v1/services/test-service/rollback', {})).toMatchObject({ version: '1.0.0' });
    expect(await client.call('GET', '/v1/services/test-service/maps/counts')).toMatchObject({ entries: [{ key: 0 }] });
    expect(await client.call('POST', '/v1/restore')).toMatchObject([{ outcome: 'running' }]);
    const events = client.lines('GET', '/v1/services/test-service/events');
    const timer = setInterval(() => execFileSync('/bin/true'), 20);
    onTestFinished(() => clearInterval(timer));
    expect((await events.next()).value).toMatchObject({
      stream: 'events',
      event: { comm: expect.any(String) as string },
    });
    const accept = 'application/openmetrics-text; version=1.0.0';
    const metrics = await textFrom(client.socket, '/metrics', { accept });
    expect(familiesByParser(metrics)).toEqual(
      expect.arrayContaining(['bpfship_shim', 'bpfship_service', 'bpfship_program_runs', 'bpfship_events']),
    );
    expect(familiesByParser(await textFrom(client.socket, '/metrics', {}), 'prometheus')).toContain(
      'bpfship_shim_info',
    );
    await events.return(undefined);
    await expect(client.lines('GET', '/v1/services/test-service/events?stream=none').next()).rejects.toMatchObject({
      code: 'ERR_SHIM_NO_EVENTS',
      message: 'test-service has no event stream "none"',
    });
    clearInterval(timer);
    await stop();
    const node = await sandbox.openNode();
    expect(await node.status('test-service')).toMatchObject({ state: 'attached', version: '1.0.0' });
    const again = await startDaemon(sandbox);
    expect(await again.client.call('DELETE', '/v1/services/test-service')).toEqual({ service: 'test-service' });
    expect(sandbox.pins()).toEqual([]);
  });

  it('answers while the kernel loads', async () => {
    const sandbox = createSandbox();
    const loop = `
SEC("raw_tp/sched_process_exec") int slow(void *ctx)
{
	__u64 sum = 0;
	/* Some 60,000 instructions, each of which the verifier looks at. */
	for (int i = 0; i < 10000; i++) sum += bpf_get_prandom_u32() & i;
	return sum & 1;
}
`;
    const source = await layoutOf(sandbox, [{ version: '1.0.0', variants: { slow: loop }, events: {} }]);
    const { client } = await startDaemon(sandbox);
    const loading = { now: true };
    const installed = client.call('POST', '/v1/services', source('1.0.0')).finally(() => void (loading.now = false));
    let answered = 0;
    while (loading.now) {
      await client.call('GET', '/v1/health');
      answered += 1;
    }
    expect(await installed).toMatchObject({ service: 'test-service' });
    expect(answered).toBeGreaterThan(1);
  });

  it('takes a desired state over, follows its tags, and repairs what somebody detached', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([...ONE, { version: '1.1.0', variants: { ring: execCounter() } }]);
    await using registry = await createRegistry({ root: join(sandbox.folder, 'registry') });
    await using repository = new Repository({ registry: registry.host, repository: 'acme/test' });
    for (const version of ['1.0.0', '1.1.0']) await copy(packed.store, version, repository, version);
    await repository.tag(await repository.resolve('1.0.0'), 'stable');
    const { client, logs, stop } = await startDaemon(sandbox);
    const desired = {
      schemaVersion: 1,
      interval: '1s',
      services: [
        { name: 'test-service', repository: `${registry.host}/acme/test`, channel: 'stable', allowUnsigned: true },
      ],
    };
    expect(await client.call('PUT', '/v1/desired?dryRun=true', desired)).toMatchObject({
      services: [{ outcome: 'planned' }],
    });
    await expect(client.call('GET', '/v1/desired')).rejects.toMatchObject({ code: 'ERR_SHIM_DESIRED' });
    expect(await client.call('PUT', '/v1/desired', desired)).toMatchObject({
      settled: true,
      services: [{ outcome: 'done' }],
    });
    expect(await client.call('GET', '/v1/desired')).toEqual(desired);
    await repository.tag(await repository.resolve('1.1.0'), 'stable');
    const node = await sandbox.openNode();
    await waitFor(async () => (await node.list())[0]?.version === '1.1.0' || undefined);
    const { programs } = await node.status('test-service');
    rmSync(programs[0]?.link?.pin ?? '');
    await waitFor(async () => (await node.list())[0]?.state === 'attached' || undefined);
    expect(logs.join('\n')).toMatch(/info test-service: upgrade done/);
    await waitFor(() => logs.some((line) => line.includes('test-service: restore done')) || undefined);
    // A document that somebody damaged is said, and changes nothing.
    writeFileSync(join(sandbox.stateDir, 'desired.json'), '{');
    await waitFor(() => logs.some((line) => line.includes('the desired state cannot be read')) || undefined);
    expect(await node.list()).toMatchObject([{ state: 'attached' }]);
    await stop();
    expect(await node.list()).toMatchObject([{ state: 'attached' }]);
  });

  it('brings services back at its start, and with an interface that comes back', async () => {
    const sandbox = createSandbox();
    const cable = layCable();
    const packed = await packServices([{ version: '1.0.0', variants: { x: packetCounter() }, events: {} }]);
    const node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { interfaceName: cable.name } } });
    rmSync(sandbox.bpffsDir, { recursive: true });
    const { logs } = await startDaemon(sandbox);
    await waitFor(async () => (await node.list())[0]?.state === 'attached' || undefined);
    cable.remove();
    await waitFor(() => logs.some((line) => line.startsWith('error test-service: restore failed')) || undefined);
    execFileSync('ip', ['link', 'add', cable.name, 'type', 'veth', 'peer', 'name', `${cable.name}p`]);
    await waitFor(async () => (await node.status('test-service')).state === 'attached' || undefined);
  });

  it('takes away at its start what a killed install left', async () => {
    const sandbox = createSandbox();
    const packed = await packServices(ONE);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    // As before its state was written.
    rmSync(join(sandbox.stateDir, 'services', 'test-service.json'));
    mkdirSync(join(sandbox.stateDir, 'changing'), { recursive: true });
    writeFileSync(join(sandbox.stateDir, 'changing', 'test-service'), '');
    expect(sandbox.pins()).not.toEqual([]);
    const { logs } = await startDaemon(sandbox);
    await waitFor(() => logs.some((line) => line.startsWith('info test-service: restore done')) || undefined);
    expect(sandbox.pins()).toEqual([]);
    expect(readdirSync(join(sandbox.stateDir, 'changing'))).toEqual([]);
  });

  it('is one for each state folder, and the second says who it is', async () => {
    const sandbox = createSandbox();
    const { stop } = await startDaemon(sandbox);
    await expect(startDaemon(sandbox)).rejects.toMatchObject({
      code: 'ERR_SHIM_DAEMON_RUNS',
      message: expect.stringContaining(`process ${process.pid}`) as string,
    });
    await stop();
    await startDaemon(sandbox);
  });

  it('refuses what it does not understand, and goes on', async () => {
    const sandbox = createSandbox();
    const { client } = await startDaemon(sandbox);
    for (const [method, path, body, code] of [
      ['GET', '/v2/nothing', undefined, 'ERR_SHIM_REQUEST'],
      ['PATCH', '/v1/services', undefined, 'ERR_SHIM_REQUEST'],
      ['GET', '/v1/services/..%2f..%2fetc', undefined, 'ERR_SHIM_REQUEST'],
      ['GET', '/v1/services/%zz', undefined, 'ERR_SHIM_REQUEST'],
      ['GET', '/v1/services/none', undefined, 'ERR_SHIM_NOT_INSTALLED'],
      ['POST', '/v1/services', { reference: 1 }, 'ERR_SHIM_REQUEST'],
      ['POST', '/v1/services', { reference: 'r.example/a:1' }, 'ERR_SHIM_REQUEST'],
      ['POST', '/v1/services', { reference: 'r.example/a:1', allowUnsigned: true, more: 1 }, 'ERR_SHIM_REQUEST'],
      ['POST', '/v1/services', { reference: 'x'.repeat(5_000_000), allowUnsigned: true }, 'ERR_SHIM_REQUEST'],
      ['PUT', '/v1/desired', { schemaVersion: 9 }, 'ERR_SHIM_DESIRED'],
      ['GET', '/v1/services/none/maps/a?limit=0', undefined, 'ERR_SHIM_REQUEST'],
      ['GET', '//', undefined, 'ERR_SHIM_REQUEST'],
      // What was misspelt is not done in another way.
      ['PUT', '/v1/desired?dry-run=true', { schemaVersion: 1, services: [] }, 'ERR_SHIM_REQUEST'],
      ['PUT', '/v1/desired?dryRun=1', { schemaVersion: 1, services: [] }, 'ERR_SHIM_REQUEST'],
      ['POST', '/v1/reconcile?dryRun=true&dryRun=false', undefined, 'ERR_SHIM_REQUEST'],
      ['POST', '/v1/services/none/rollback', { tp: 1 }, 'ERR_SHIM_REQUEST'],
      ['POST', '/v1/services/none/stop', { force: true }, 'ERR_SHIM_REQUEST'],
      ['DELETE', '/v1/services/none?keep=maps', undefined, 'ERR_SHIM_REQUEST'],
      ['POST', '/v1/garbage-collect', { all: true }, 'ERR_SHIM_REQUEST'],
    ] as const) {
      await expect(client.call(method, path, body), path).rejects.toMatchObject({ code });
    }
    const raw = connect(client.socket);
    onTestFinished(() => void raw.destroy());
    raw.write('NONSENSE\r\n\r\n');
    const answer = await new Promise<string>((resolve) => raw.once('data', (data) => resolve(data.toString())));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(await client.call('GET', '/v1/health')).toMatchObject({ pid: process.pid });
  });

  it('speaks only to root and to whom it was told', async () => {
    const sandbox = createSandbox();
    const other = 54_321;
    execFileSync('chmod', ['711', sandbox.folder]);
    const socket = join(sandbox.folder, 'shim.sock');
    const { stop } = await startDaemon(sandbox, { socket });
    expect(await askAs(other, socket)).toBe('EACCES');
    // Where the socket's mode lets somebody in, the kernel's word counts.
    execFileSync('chmod', ['666', socket]);
    expect(await askAs(other, socket)).toMatch(/ECONNRESET|EPIPE/);
    await stop();
    const { client } = await startDaemon(sandbox, { socket, gid: other });
    expect(statSync(client.socket).mode & 0o777).toBe(0o660);
    expect(await askAs(other, socket)).toBe('200');
  });

  it('tells systemd when it is ready, that it lives, and that it ends', async () => {
    const sandbox = createSandbox();
    // Node has no datagram sockets of the file system.
    const path = join(sandbox.folder, 'notify.sock');
    const script =
      '$|=1; socket(S,PF_UNIX,SOCK_DGRAM,0); bind(S,sockaddr_un($ARGV[0])); print "bound\\n"; while(defined recv(S,$b,4096,0)){print "$b\\n"}';
    const listener = spawn('perl', ['-MSocket', '-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void listener.kill('SIGKILL'));
    let heard = '';
    listener.stdout.on('data', (data: Buffer) => void (heard += data.toString()));
    await waitFor(() => heard.includes('bound') || undefined);
    const { stop } = await startDaemon(sandbox, { env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '300000' } });
    await waitFor(() => heard.includes('WATCHDOG=1') || undefined);
    await stop();
    await waitFor(() => heard.includes('STOPPING=1') || undefined);
    expect(heard).toMatch(/READY=1\nSTATUS=/);
  });
});
