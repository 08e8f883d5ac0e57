import { spawn, spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { openSync, closeSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BIN, cleanEnvironment, runCli, startCli } from './support/cli.ts';

/** A registry that never answers; it says when it was asked. */
let silent: Server;
let host: string;
let asked: () => void = () => undefined;
beforeAll(async () => {
  silent = createServer(() => asked());
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
});
afterAll(async () => {
  silent.closeAllConnections();
  await new Promise((resolve) => void silent.close(resolve));
});

describe('interrupts', () => {
  it('Ctrl-C ends with 130 and says nothing', async () => {
    const waiting = new Promise<void>((resolve) => (asked = resolve));
    const { child, ended } = startCli(['inspect', `${host}/acme/probe:1`]);
    await waiting;
    child.kill('SIGINT');
    expect(await ended).toEqual({ status: 130, stdout: '', stderr: '' });
  });

  it('so does SIGTERM, and a signal that came before the start', async () => {
    const waiting = new Promise<void>((resolve) => (asked = resolve));
    const { child, ended } = startCli(['inspect', `${host}/acme/probe:1`]);
    await waiting;
    child.kill('SIGTERM');
    expect((await ended).status).toBe(130);
    expect(await runCli(['inspect', `${host}/acme/probe:1`], { signal: AbortSignal.abort() })).toEqual({
      status: 130,
      stdout: '',
      stderr: '',
    });
  });
});

describe('output that cannot be written', () => {
  it('a reader that has left is no failure', async () => {
    const child = spawn(process.execPath, [BIN, 'info', '--facts'], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (stderr += text));
    const status = await new Promise((resolve) => void child.once('close', resolve));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('a full disk is one', () => {
    const full = openSync('/dev/full', 'w');
    try {
      const { status, stderr } = spawnSync(process.execPath, [BIN, 'version'], {
        env: cleanEnvironment(),
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: 'Error: standard output cannot be written: ENOSPC\nCheck where it goes; df -h shows the space.\n',
      });
    } finally {
      closeSync(full);
    }
  });
});

describe('the launcher', () => {
  it('tells an old Node in two lines', () => {
    const fake = `Object.defineProperty(process.versions, 'node', { value: '20.20.2' }); await import(${JSON.stringify(BIN)});`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', fake], {
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe(
      'Error: bpfship needs Node ^22.22.2, ^24.15.0 or >=26; this is 20.20.2\nIn a checkout, "npx bpfship" uses the Node that the repository pins.\n',
    );
  });

  const system = spawnSync('/usr/bin/node', ['--version'], { encoding: 'utf8' }).stdout ?? '';
  it.skipIf(!system.startsWith('v20.'))('and so it does on a real one', () => {
    const { status, stderr } = spawnSync('/usr/bin/node', [BIN, 'version'], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^Error: bpfship needs Node .*; this is 20\.\d+\.\d+\n.*npx bpfship.*\n$/);
  });
});
