import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildExecutable } from '../../tools/executable/build-executable.ts';
import { lacks } from '../support/capabilities.ts';
import { bpfship } from '../support/packages.ts';

/** Bytes that the executable may have. */
const MAX_SIZE = 125_000_000;

let folder: string;
/** A root with the executable, the C library and what C++ programs need, and nothing else: no Node, no shell. */
let root: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bpfship-executable-'));
  root = join(folder, 'root');
  for (const name of ['proc', 'sys', 'bpf', 'run', 'tmp', 'dev']) mkdirSync(join(root, name), { recursive: true });
  const built = join(folder, 'built');
  await buildExecutable(built);
  for (const name of ['bpfship', 'bpfship-shim'])
    cpSync(join(built, name), join(root, name), { verbatimSymlinks: true });
  const linked = execFileSync('ldd', [join(root, 'bpfship')], { encoding: 'utf8' });
  for (const [, library = ''] of linked.matchAll(/(\/\S+) \(0x/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    cpSync(realpathSync(library), join(root, library));
  }
  bpfship(['init', join(folder, 'probe')]);
  bpfship(['build', join(folder, 'probe')]);
  bpfship(['pack', join(folder, 'probe'), '--output', join(root, 'layout')]);
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MOUNTS = ['proc "$0/proc" -t proc', '/sys "$0/sys" --rbind', 'bpf "$0/bpf" -t bpf', 'run "$0/run" -t tmpfs'];

/** Runs commands in the root, one after the other; its mounts are of a namespace that ends with them. @returns what each printed. */
function runInRoot(...commands: string[]): string[] {
  const env = 'env -i PATH=/usr/sbin:/usr/bin BPFSHIP_BPFFS=/bpf/bpfship BPFSHIP_STATE_DIR=/state';
  const lines = commands.map((command) => `${env} chroot "$0" ${command}; printf '\\0'`);
  const script = ['set -e', ...MOUNTS.map((mount) => `mount ${mount}`), ...lines].join('\n');
  const args = ['--mount', '--propagation', 'private', 'sh', '-c', script, root];
  return execFileSync('unshare', args, { encoding: 'utf8' }).split('\0').slice(0, -1);
}

describe('the single executable', () => {
  it('is not too large, and has its licences beside it', () => {
    expect(statSync(join(folder, 'built', 'bpfship')).size).toBeLessThan(MAX_SIZE);
    for (const name of ['node.txt', 'npm-packages.txt', 'libelf.LGPL-3.0.txt'])
      expect(existsSync(join(folder, 'built', 'licenses', name)), name).toBe(true);
  });

  it.skipIf(lacks('root'))('is the program whose name it is started by, where there is no Node', () => {
    const [version = '', daemon = ''] = runInRoot('/bpfship version -q', '/bpfship-shim --version');
    expect(daemon.trim()).toBe(`bpfship-shim ${version.trim()}`);
    expect(existsSync(join(root, 'bin'))).toBe(false);
  });

  it.skipIf(lacks('bpf'))('installs a service with the libbpf that is inside', () => {
    const commands = ['info -j', 'install --oci-layout /layout:0.1.0 --allow-unsigned -j', 'ps -j', 'uninstall probe'];
    const [info = '', installed = '', listed = ''] = runInRoot(...commands.map((command) => `/bpfship ${command}`));
    expect(JSON.parse(info)).toMatchObject({ libbpf: { origin: 'own' } });
    expect(JSON.parse(installed)).toMatchObject({ service: 'probe' });
    expect(listed).toContain('probe');
  });
});
