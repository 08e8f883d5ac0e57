import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { release, version } from 'node:os';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BtfBuilder } from '@bpfship/bpf-object';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import { BIN, cleanEnvironment, spawnCli } from './support/cli.ts';
import { PASSWORD, succeed } from './support/packed-service.ts';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.ts';

const KERNEL_BTF = '/sys/kernel/btf/vmlinux';
const CAN_HIDE_BTF = process.getuid?.() === 0 && existsSync(KERNEL_BTF);

const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
struct task_struct { int tgid; } __attribute__((preserve_access_index));
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
SEC("raw_tp/sched_process_exec") int on_exec(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 key = 0;
	__u64 tgid = BPF_CORE_READ(task, tgid);
	bpf_map_update_elem(&seen, &key, &tgid, 0);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
`;

const PROJECT = `name: demo/no-btf
version: 1.0.0
variants:
  - name: only
    sources: [src/only.bpf.c]
`;

let folder: TemporaryFolder;
let registry: Registry;
let reference: string;
/** Paths of the requests that the registry answered, with their methods. */
let requests: string[] = [];
const env = { BPFSHIP_PASSWORD: PASSWORD };

interface Installed {
  status: number;
  stdout: string;
}

/** Runs commands on a node whose kernel shows no BTF: in a mount namespace of its own, with the folder hidden. */
async function onNodeWithoutBtf(...commands: string[][]): Promise<Installed> {
  const line = commands.map((args) => [process.execPath, BIN, ...args].map((arg) => `'${arg}'`).join(' ')).join(' && ');
  const script = `mount -t tmpfs none /sys/kernel/btf && mount -t bpf bpf '${folder.file('bpffs')}' && ${line}`;
  try {
    const { stdout } = await promisify(execFile)(
      'unshare',
      ['--mount', '--propagation', 'private', 'sh', '-c', script],
      {
        env: {
          ...cleanEnvironment(),
          BPFSHIP_STATE_DIR: folder.file('state'),
          BPFSHIP_BPFFS: folder.file('bpffs/bpfship'),
        },
      },
    );
    return { status: 0, stdout };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { status: code, stdout };
  }
}

function policy(...supplementKeys: string[]): string {
  const read = (name: string): string => readFileSync(folder.file(`${name}.pub`), 'utf8');
  const path = folder.file('policy.json');
  writeFileSync(
    path,
    JSON.stringify({ schemaVersion: 1, keys: [read('acme')], supplementKeys: supplementKeys.map(read) }),
  );
  return path;
}

/** A file with BTF of a kernel that has the field at another place. */
function otherBtf(bitOffset: number): string {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', { size: 4, encoding: 1 });
  builder.addStruct('task_struct', 64, [{ name: 'tgid', type: int, bitOffset }]);
  const path = folder.file(`other-${bitOffset}.btf`);
  writeFileSync(path, builder.bytes());
  return path;
}

function intercept({ method = '', url = '' }: IncomingMessage): boolean {
  requests.push(`${method} ${url}`);
  return false;
}

/** An entry for a kernel nobody has, which is near to those of a pattern with these options. */
function near(kconfig: object, pattern = `${release().split('.')[0]}.*`): object {
  return { release: '4.9.0-1-built', near: { release: pattern, kconfig } };
}

function kernels(name: string, entry: object): string {
  const path = folder.file(name);
  writeFileSync(path, JSON.stringify([{ architecture: 'amd64', btf: KERNEL_BTF, ...entry }]));
  return path;
}

describe.skipIf(!CAN_HIDE_BTF || process.arch !== 'x64')('a kernel without BTF', () => {
  beforeAll(async () => {
    folder = temporaryFolder();
    registry = await createRegistry({ root: folder.file('registry'), intercept });
    reference = `${registry.host}/demo/no-btf:1.0.0`;
    mkdirSync(folder.file('project/src'), { recursive: true });
    mkdirSync(folder.file('bpffs'));
    writeFileSync(join(folder.file('project'), 'ebpf-service.yaml'), PROJECT);
    writeFileSync(join(folder.file('project'), 'src/only.bpf.c'), SOURCE);
    const layout = `${folder.file('layout')}:1.0.0`;
    await succeed(['build', folder.file('project')]);
    await succeed(['pack', folder.file('project'), '--output', folder.file('layout')]);
    for (const name of ['acme', 'btf']) {
      await succeed(['generate-key-pair', '--output-key-prefix', folder.file(name)], env);
    }
    await succeed(['sign', '--key', folder.file('acme.key'), '--oci-layout', layout], env);
    await succeed(['push', layout, reference]);
  }, 120_000);

  afterAll(async () => {
    await registry.close();
    folder[Symbol.dispose]();
  });

  it('refuses a package that reads its structures', async () => {
    const { status } = await onNodeWithoutBtf(['install', reference, '--policy', policy('btf')]);
    expect(status).toBe(20);
  });

  it('leaves out supplements of other kernels, of nobody in the role, and unsigned ones', async () => {
    const other = kernels('other.json', { release: '4.9.0-1-other' });
    await succeed(['supplement', reference, '--kernels', other, '--key', folder.file('btf.key')], env);
    expect((await onNodeWithoutBtf(['install', reference, '--policy', policy('btf')])).status).toBe(20);
    const own = kernels('own.json', { release: release() });
    await succeed(['supplement', reference, '--kernels', own]);
    expect((await onNodeWithoutBtf(['install', reference, '--policy', policy('btf')])).status).toBe(20);
    // The key of the package is no key of supplements.
    const { stdout } = await spawnCli(
      ['supplement', reference, '--kernels', own, '--key', folder.file('acme.key'), '-j'],
      { env },
    );
    expect(JSON.parse(stdout)).toMatchObject({ layers: 1 });
    expect((await onNodeWithoutBtf(['install', reference, '--policy', policy('btf')])).status).toBe(20);
  }, 60_000);

  it('installs with a supplement that is signed in its role, one small layer, and runs', async () => {
    const own = kernels('build.json', { release: release(), version: version() });
    const added = await spawnCli(['supplement', reference, '--kernels', own, '--key', folder.file('btf.key'), '-j'], {
      env,
    });
    const { layers, size } = JSON.parse(added.stdout) as { layers: number; size: number };
    expect(layers).toBe(1);
    expect(size).toBeLessThan(1000);
    const { status, stdout } = await onNodeWithoutBtf(
      ['install', reference, '--policy', policy('btf'), '-j'],
      ['status', 'demo/no-btf', '-j'],
      ['uninstall', 'demo/no-btf'],
    );
    expect(status).toBe(0);
    const installed = JSON.parse(stdout.slice(0, stdout.indexOf('\n}\n') + 2)) as {
      steps: { step: string; detail: string; bytes?: number }[];
    };
    expect(installed.steps.find(({ step }) => step === 'supplement')).toMatchObject({
      detail: expect.stringContaining('exact match'),
      bytes: size,
    });
  }, 60_000);

  it('takes a kernel that is declared near only where its options are checked and agree, and fetches one blob', async () => {
    // The same package elsewhere, with no supplement yet; whoever signed it is gone.
    const elsewhere = `${registry.host}/demo/near:1.0.0`;
    await succeed(['push', `${folder.file('layout')}:1.0.0`, elsewhere]);
    renameSync(folder.file('acme.key'), folder.file('gone.key'));
    const install = (): Promise<Installed> =>
      onNodeWithoutBtf(['install', elsewhere, '--policy', policy('btf'), '-j'], ['uninstall', 'demo/no-btf']);
    const add = async (name: string, entries: object[]): Promise<{ layers: number; kernels: { btf: string }[] }> => {
      const path = folder.file(name);
      writeFileSync(
        path,
        JSON.stringify(entries.map((entry) => ({ architecture: 'amd64', btf: KERNEL_BTF, ...entry }))),
      );
      const { stdout } = await spawnCli(
        ['supplement', elsewhere, '--kernels', path, '--key', folder.file('btf.key'), '-j'],
        { env },
      );
      return JSON.parse(stdout) as { layers: number; kernels: { btf: string }[] };
    };
    await add('differs.json', [near({ CONFIG_BPF_SYSCALL: 'y', CONFIG_HZ: '12345' })]);
    await add('elsewhere.json', [near({ CONFIG_BPF_SYSCALL: 'y' }, '0.*')]);
    expect((await install()).status).toBe(20);
    // A new kernel, and others in the same artifact.
    const { layers, kernels: added } = await add('near.json', [
      near({ CONFIG_BPF_SYSCALL: 'y', CONFIG_BPF: 'y' }),
      ...[64, 128].map((bitOffset, n) => ({ release: `5.${n}.0-other`, btf: otherBtf(bitOffset) })),
    ]);
    expect(layers).toBe(3);
    requests = [];
    const { status, stdout } = await install();
    expect([status, stdout]).toEqual([0, expect.stringContaining('near match')]);
    const fetched = requests.filter((line) => added.some(({ btf }) => line.endsWith(btf)));
    expect(fetched).toEqual([`GET /v2/demo/near/blobs/${added[0]?.btf}`]);
    expect(requests.length).toBeLessThan(40);
    // The same where nothing is loaded, here and from this node's facts.
    const facts = folder.file('facts.json');
    const checked = await onNodeWithoutBtf(
      ['check', elsewhere, '--policy', policy('btf')],
      ['facts', '--output', facts],
    );
    expect(checked.status).toBe(0);
    expect(JSON.parse(readFileSync(facts, 'utf8'))).toMatchObject({ btf: { available: false } });
    await succeed(['check', elsewhere, '--policy', policy('btf'), '--facts', facts]);
    expect((await spawnCli(['check', elsewhere, '--policy', policy(), '--facts', facts])).status).not.toBe(0);
    // Two that are near and disagree: no guess.
    await add('disagrees.json', [{ ...near({ CONFIG_BPF_SYSCALL: 'y' }), release: '4.10.0', btf: otherBtf(192) }]);
    expect((await install()).status).toBe(20);
    renameSync(folder.file('gone.key'), folder.file('acme.key'));
  }, 120_000);

  it('is never used for programs at hooks that need BTF of the kernel itself', async () => {
    const fentry = `${registry.host}/demo/fentry:1.0.0`;
    const project = folder.file('fentry');
    mkdirSync(join(project, 'src'), { recursive: true });
    writeFileSync(join(project, 'ebpf-service.yaml'), PROJECT.replace('no-btf', 'fentry'));
    writeFileSync(join(project, 'src/only.bpf.c'), SOURCE.replace('raw_tp/sched_process_exec', 'fentry/do_exit'));
    await succeed(['build', project]);
    await succeed(['pack', project, '--output', folder.file('fentry-layout')]);
    const layout = `${folder.file('fentry-layout')}:1.0.0`;
    await succeed(['sign', '--key', folder.file('acme.key'), '--oci-layout', layout], env);
    await succeed(['push', layout, fentry]);
    const own = kernels('fentry.json', { release: release() });
    await succeed(['supplement', fentry, '--kernels', own, '--key', folder.file('btf.key')], env);
    const { status } = await onNodeWithoutBtf(['install', fentry, '--policy', policy('btf')]);
    expect(status).toBe(20);
  }, 60_000);

  it('does not change anything for a kernel that has BTF', async () => {
    const { stdout } = await spawnCli(['check', reference, '-j']);
    expect(JSON.parse(stdout)).toMatchObject({ selected: 'only' });
    expect(stdout).not.toContain('supplement');
  });
});
