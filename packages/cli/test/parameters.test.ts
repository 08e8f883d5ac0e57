import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, spawnCli } from './support/cli.ts';
import { succeed } from './support/packed-service.ts';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.ts';

const PROJECT = `name: quiet
version: 1.0.0
parameters:
  - { name: only_pid }
  - { name: only_comm }
variants:
  - { name: one, sources: [quiet.bpf.c], architectures: [amd64, arm64] }
`;
const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
const volatile __u32 only_pid = 0;
const volatile char only_comm[16] = "";
SEC("raw_tp/sched_process_exec") int look(void *ctx) { return only_pid > 5 && only_comm[0]; }
`;

let folder: TemporaryFolder;
let env: Record<string, string>;
const cli = (...args: string[]): Promise<Outcome> => spawnCli(args, { env });
const parameters = async (): Promise<unknown> => {
  const { stdout } = await cli('status', 'quiet', '-j');
  const status = JSON.parse(stdout) as { parameters: { name: string; value: unknown }[] };
  return Object.fromEntries(status.parameters.map(({ name, value }) => [name, value]));
};

describe.skipIf(process.getuid?.() !== 0)('load parameters', () => {
  beforeAll(async () => {
    folder = temporaryFolder();
    for (const name of ['quiet', 'bpffs']) mkdirSync(folder.file(name));
    writeFileSync(folder.file('quiet/ebpf-service.yaml'), PROJECT);
    writeFileSync(folder.file('quiet/quiet.bpf.c'), SOURCE);
    writeFileSync(folder.file('values.yaml'), 'parameters: { only_pid: 7, only_comm: bash }\n');
    await succeed(['build', folder.file('quiet')]);
    await succeed(['pack', folder.file('quiet'), '--output', folder.file('layout')]);
    env = { BPFSHIP_STATE_DIR: folder.file('state'), BPFSHIP_BPFFS: folder.file('bpffs/bpfship') };
  });
  afterAll(async () => {
    await cli('uninstall', 'quiet');
    for (const path of ['bpffs/bpfship', 'bpffs']) spawnSync('umount', ['-q', folder.file(path)]);
    folder[Symbol.dispose]();
  });

  it('come from --values, --set over them, and stay until --unset', async () => {
    const layout = ['--oci-layout', `${folder.file('layout')}:1.0.0`, '--allow-unsigned'];
    const wrong = await cli('install', ...layout, '--set', 'only_pid=many');
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('parameter only_pid cannot be "many"')]);
    const bad = await cli('install', ...layout, '--values', folder.file('quiet/ebpf-service.yaml'));
    expect([bad.status, bad.stderr]).toEqual([2, expect.stringContaining('values file')]);

    const values = ['--values', folder.file('values.yaml'), '--set', 'only_pid=9'];
    expect(await cli('install', ...layout, ...values)).toMatchObject({ status: 0 });
    expect(await parameters()).toEqual({ only_pid: 9, only_comm: 'bash' });
    expect((await cli('status', 'quiet')).stdout).toContain('Parameters:\n  only_pid = 9\n  only_comm = "bash"\n');

    expect(await cli('upgrade', 'quiet', ...layout, '--unset', 'only_pid')).toMatchObject({ status: 0 });
    expect(await parameters()).toEqual({ only_pid: 0, only_comm: 'bash' });
    expect((await cli('status', 'quiet')).stdout).toContain('  only_pid = 0 (default)\n');
    expect(await cli('rollback', 'quiet')).toMatchObject({ status: 0 });
    expect(await parameters()).toEqual({ only_pid: 9, only_comm: 'bash' });
  });
});
