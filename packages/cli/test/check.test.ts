import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, spawnCli } from './support/cli.ts';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.ts';

/** Asks for a type, a helper, hooks of two kinds, a map, and a function that no kernel has. */
const SOURCE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
struct task_struct { int pid; } __attribute__((preserve_access_index));
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
SEC("raw_tp/sched_switch") int switched(void *ctx) { struct task_struct *t = (void *)bpf_get_current_task(); int pid = BPF_CORE_READ(t, pid); return bpf_ringbuf_output(&ring, &pid, 4, 0); }
SEC("kprobe/a_function_that_no_kernel_has_because_its_name_is_much_too_long_for_one") int absent(void *ctx) { return 0; }
SEC("tp/sched/sched_process_exec") int traced(void *ctx) { return 0; }
char LICENSE[] SEC("license") = "GPL";
`;
let folder: TemporaryFolder;
let object: string;
let facts: string;

beforeAll(async () => {
  folder = temporaryFolder();
  object = folder.file('asks.bpf.o');
  facts = folder.file('fleet/node.json');
  mkdirSync(folder.file('fleet'));
  const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  writeFileSync(folder.file('asks.bpf.c'), SOURCE);
  execFileSync('clang', ['-g', '-O2', '-target', 'bpf', include, '-c', folder.file('asks.bpf.c'), '-o', object]);
  expect(await spawnCli(['facts', '--output', facts])).toMatchObject({ status: 0 });
});

afterAll(() => folder[Symbol.dispose]());

function verdicts(stdout: string): unknown {
  const { verdicts: all, candidates, selected } = JSON.parse(stdout) as Record<string, unknown>;
  return { all, candidates, selected };
}

describe('check', () => {
  it('decides elsewhere, from exported facts, exactly as on the node', async () => {
    const here = await spawnCli(['check', object, '-j']);
    const elsewhere = await spawnCli(['check', object, '-j', '--facts', facts]);
    expect(verdicts(elsewhere.stdout)).toEqual(verdicts(here.stdout));
    expect(elsewhere.status).toBe(here.status);
    expect(JSON.parse(here.stdout)).toMatchObject({ verdicts: [{ programs: [{}, {}, {}] }] });
  }, 60_000);

  it('takes load parameters by the types of the object', async () => {
    const source = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct task_struct { int a_field_of_no_kernel; } __attribute__((preserve_access_index));
const volatile __u8 deep = 0;
SEC("raw_tp/sched_switch") int run(void *ctx) { struct task_struct *t = (void *)bpf_get_current_task(); int v = 0; if (deep) bpf_probe_read_kernel(&v, 4, &t->a_field_of_no_kernel); return v; }
char LICENSE[] SEC("license") = "GPL";
`;
    const path = folder.file('set.bpf.o');
    writeFileSync(folder.file('set.bpf.c'), source);
    const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
    execFileSync('clang', ['-g', '-O2', '-target', 'bpf', include, '-c', folder.file('set.bpf.c'), '-o', path]);
    const run = async (...set: string[]): Promise<[number | null, string]> => {
      const { status, stdout, stderr } = await runCli(['check', path, '--facts', facts, ...set]);
      return [status, stdout + stderr];
    };
    expect(await run('--set', 'deep=0')).toEqual([0, expect.stringMatching(/run +yes +yes/)]);
    expect(await run('--set', 'deep=1')).toEqual([20, expect.stringContaining('a_field_of_no_kernel finds nothing')]);
    expect(await run('--set', 'deep=256')).toEqual([2, expect.stringContaining('u8, a number from 0 to 255')]);
    expect(await run('--set', 'deep=x')).toEqual([2, expect.stringContaining('parameter deep cannot be "x"')]);
    expect(await run('--set', 'wide=1')).toEqual([1, expect.stringContaining('no read-only variable "wide"')]);
    expect(await run('--set', 'deep')).toEqual([2, expect.stringContaining('NAME=VALUE')]);
    expect(await run('--set', 'deep=1', '--set', 'deep=2')).toEqual([2, expect.stringContaining('set twice')]);
  });

  it('keeps to the width of the screen', async () => {
    for (const columns of [80, 100]) {
      const { stdout } = await runCli(['check', object, '--facts', facts], { env: { COLUMNS: String(columns) } });
      const lines = stdout.trimEnd().split('\n').slice(1);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
      expect(lines.join('\n')).toMatch(/^PROGRAM +LOADS +RUNS +REASON$/m);
    }
  });

  it('takes a folder of facts as a fleet, and says how many kernels fare how', async () => {
    writeFileSync(folder.file('fleet/other.json'), readFileSync(facts));
    const { stdout } = await runCli(['check', object, '--facts', folder.file('fleet')]);
    expect(stdout).toMatch(/^FACTS +KERNEL +SELECTED +OUTCOME +REASON$/m);
    expect(stdout).toMatch(/^2 kernels: \d loads, \d uncertain, \d refused$/m);
    expect(stdout).toContain('other.json');
    mkdirSync(folder.file('empty'));
    expect(await runCli(['check', object, '--facts', folder.file('empty')])).toMatchObject({ status: 2 });
  });
});
