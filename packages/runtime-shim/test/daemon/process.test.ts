import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { copy, Repository } from '@bpfship/oras-client';
import { createRegistry } from '@bpfship/registry-dev';
import { DaemonClient } from '../../src/daemon/client.ts';
import { execCounter } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { waitFor } from '../support/wait-for.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'bin', 'bpfship-shim.js');

describe.skipIf(!IS_ROOT)('the daemon’s process', () => {
  it('looks for what is new when it is told to reload, and ends when it is told to end', async () => {
    const sandbox = createSandbox();
    const packed = await packServices(
      ['1.0.0', '1.1.0'].map((version) => ({ version, variants: { ring: execCounter() } })),
    );
    await using registry = await createRegistry({ root: join(sandbox.folder, 'registry') });
    await using repository = new Repository({ registry: registry.host, repository: 'acme/test' });
    for (const version of ['1.0.0', '1.1.0']) await copy(packed.store, version, repository, version);
    await repository.tag(await repository.resolve('1.0.0'), 'stable');
    const env = { ...process.env, BPFSHIP_STATE_DIR: sandbox.stateDir, BPFSHIP_BPFFS: sandbox.bpffsDir };
    const daemon = spawn(process.execPath, [PROGRAM], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    onTestFinished(() => void daemon.kill('SIGKILL'));
    const ended = once(daemon, 'exit');
    let log = '';
    daemon.stderr.on('data', (data: Buffer) => void (log += data.toString()));
    const client = new DaemonClient(join(sandbox.stateDir, 'shim.sock'));
    await waitFor(async () => (await client.call('GET', '/v1/health').catch(() => undefined)) ?? undefined);
    const desired = {
      schemaVersion: 1,
      interval: '7d',
      services: [
        { name: 'test-service', repository: `${registry.host}/acme/test`, channel: 'stable', allowUnsigned: true },
      ],
    };
    expect(await client.call('PUT', '/v1/desired', desired)).toMatchObject({ settled: true });
    await repository.tag(await repository.resolve('1.1.0'), 'stable');
    daemon.kill('SIGHUP');
    const isNew = async (): Promise<true | undefined> => {
      const { version } = (await client.call('GET', '/v1/services/test-service')) as { version: string };
      return version === '1.1.0' || undefined;
    };
    await waitFor(isNew);
    expect(log).toContain('"reloading"');
    daemon.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    // Every line is JSON with a time, a level and a message.
    const lines = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ level: 'info' });
    const node = await sandbox.openNode();
    expect(await node.list()).toMatchObject([{ version: '1.1.0', state: 'attached' }]);
  });
});
