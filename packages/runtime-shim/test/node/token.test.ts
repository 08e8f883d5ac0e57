import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { copy, OciLayoutStore } from '@bpfship/oras-client';
import koffi from 'koffi';
import { describe, expect, it, onTestFinished } from 'vitest';
import { execCounter, packetCounter } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices, type TestService } from '../support/test-service.ts';

const libc = koffi.load('libc.so.6');
const syscall2 = libc.func('long syscall(long number, long a, long b, long c)');
const fsconfig = libc.func(
  'long syscall(long number, int fd, unsigned int command, const char *key, const char *value, int aux)',
);
const close = libc.func('int close(int fd)');

/** Lets a BPF file system that a process in a user namespace has begun stand for the right to everything (since Linux 6.9). */
function delegate(pid: number, fd: number): void {
  // pidfd_open, pidfd_getfd, fsconfig (FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE)
  const pidfd = Number(syscall2(434, pid, 0, 0));
  const file = Number(syscall2(438, pidfd, fd, 0));
  try {
    for (const kind of ['cmds', 'maps', 'progs', 'attachs']) {
      expect(Number(fsconfig(431, file, 1, `delegate_${kind}`, 'any', 0))).toBe(0);
    }
    expect(Number(fsconfig(431, file, 6, null, null, 0))).toBe(0);
  } finally {
    close(file);
    close(pidfd);
  }
}

async function road(services: TestService[], interfaceName: string): Promise<string[]> {
  const sandbox = createSandbox();
  const mountPoint = join(sandbox.folder, 'token');
  mkdirSync(mountPoint);
  const packed = await packServices(services);
  const layout = join(sandbox.folder, 'layout');
  const versions = services.map(({ version }) => version);
  for (const version of versions) {
    await copy(packed.store, version, await OciLayoutStore.open(layout, { create: true }), version);
  }
  const script = join(import.meta.dirname, '..', 'support', 'with-token.ts');
  const args = [mountPoint, sandbox.stateDir, layout, interfaceName, ...versions];
  const inside = ['--user', '--map-root-user', '--mount', '--net', process.execPath];
  const program = ['--disable-warning=ExperimentalWarning', script];
  const child = spawn('unshare', [...inside, ...program, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, LIBBPF_BPF_TOKEN_PATH: mountPoint },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  delegate(child.pid ?? 0, Number(await next()));
  child.stdin.write('go\n');
  const done = JSON.parse(await next()) as string[];
  await once(child, 'exit');
  return done;
}

describe.skipIf(!IS_ROOT)('in a user namespace with a BPF token', () => {
  it('an XDP service goes its whole road', async () => {
    const services = ['1.0.0', '2.0.0'].map((version) => ({ version, variants: { one: packetCounter() }, events: {} }));
    expect(await road(services, 'lo')).toEqual([
      'mounted true',
      '1.0.0 packet attached',
      '2.0.0 packet in-place',
      'attached',
      'uninstalled',
    ]);
  });

  it('a tracing service goes its whole road', async () => {
    const services = ['1.0.0', '2.0.0'].map((version) => ({ version, variants: { one: execCounter() } }));
    expect(await road(services, '')).toEqual([
      'mounted true',
      '1.0.0 count attached',
      '2.0.0 count stub',
      'attached',
      'uninstalled',
    ]);
  });
});
