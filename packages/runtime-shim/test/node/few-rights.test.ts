import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { copy, OciLayoutStore } from '@bpfship/oras-client';
import { describe, expect, it } from 'vitest';
import { nodeForOthers } from '../../../../test/support/node-for-others.ts';
import { execCounter, packetCounter } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices, type TestService } from '../support/test-service.ts';
import { layCable } from '../support/virtual-cable.ts';

/** The user that owns nothing. */
const NOBODY = 65_534;

/** Goes the whole road as nobody with these capabilities; the folders of state and pins are nobody's own. */
async function road(capabilities: readonly string[], services: TestService[], interfaceName = ''): Promise<string[]> {
  const sandbox = createSandbox();
  chmodSync(sandbox.folder, 0o755);
  for (const folder of [sandbox.bpffsDir, sandbox.stateDir]) {
    mkdirSync(folder);
    chownSync(folder, NOBODY, NOBODY);
    chmodSync(folder, 0o700);
  }
  chmodSync(sandbox.bpffs, 0o711);
  const packed = await packServices(services);
  const layout = join(sandbox.folder, 'layout');
  for (const { version } of services) {
    await copy(packed.store, version, await OciLayoutStore.open(layout, { create: true }), version);
  }
  execFileSync('chmod', ['-R', 'a+rX', layout]);
  const list = capabilities.map((name) => `+${name}`).join(',');
  const rights = list === '' ? [] : ['--inh-caps', list, '--ambient-caps', list];
  const script = join(import.meta.dirname, '..', 'support', 'with-few-rights.ts');
  const versions = services.map(({ version }) => version);
  const user = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups', '--no-new-privs'];
  const program = [nodeForOthers(sandbox.folder), '--disable-warning=ExperimentalWarning', script];
  const output = execFileSync(
    'setpriv',
    [...user, ...rights, '--', ...program, sandbox.stateDir, sandbox.bpffsDir, layout, interfaceName, ...versions],
    { encoding: 'utf8', cwd: '/', env: { ...process.env, HOME: '/nonexistent', TMPDIR: '/tmp' } },
  );
  const done = JSON.parse(output) as string[];
  expect([sandbox.pins(), done]).toEqual([[], done]);
  return done;
}

const tracing: TestService[] = ['1.0.0', '2.0.0'].map((version) => ({ version, variants: { one: execCounter() } }));
const packets: TestService[] = ['1.0.0', '2.0.0'].map((version) => ({
  version,
  variants: { one: packetCounter() },
  events: {},
}));

describe.skipIf(!IS_ROOT)('without being root', () => {
  it('a tracing service takes CAP_BPF and CAP_PERFMON', async () => {
    expect(await road(['bpf', 'perfmon'], tracing)).toEqual([
      '1.0.0 count attached',
      '2.0.0 count stub',
      'attached',
      'back to 1.0.0',
      'uninstalled',
    ]);
  });

  it('an XDP service takes CAP_BPF and CAP_NET_ADMIN', async () => {
    expect(await road(['bpf', 'net_admin'], packets, layCable().name)).toEqual([
      '1.0.0 packet attached',
      '2.0.0 packet in-place',
      'attached',
      'back to 1.0.0',
      'uninstalled',
    ]);
  });

  it.each([
    ['CAP_PERFMON', ['bpf'], tracing, /CAP_PERFMON/],
    ['everything', [], tracing, /CAP_BPF/],
  ])('says what is missing without %s, and leaves nothing', async (_what, capabilities, services, message) => {
    const [error = ''] = await road(capabilities, services);
    expect(error).toMatch(/^ERR_(?:SHIM|KERNEL)_PRIVILEGE: /);
    expect(error).toMatch(message);
  });
});
