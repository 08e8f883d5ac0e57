import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import { spawnCli } from './support/cli.ts';
import { PASSWORD, succeed } from './support/packed-service.ts';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.ts';

const IS_ROOT = process.getuid?.() === 0;

const HEAD = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
`;
/** Does not look whether there is an entry: no requirement says that no verifier takes it. */
const CARELESS = `${HEAD}
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } seen SEC(".maps");
SEC("raw_tp/sched_process_exec") int take(void *ctx) { __u32 key = 0; __u64 *value = bpf_map_lookup_elem(&seen, &key); *value += 1; return 0; }
`;
const CAREFUL = `${HEAD}
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); __uint(pinning, LIBBPF_PIN_BY_NAME); } evidence_test_pin SEC(".maps");
SEC("raw_tp/sched_process_exec") int take(void *ctx) { __u32 key = 0; __u64 one = 1; bpf_map_update_elem(&evidence_test_pin, &key, &one, 0); return 0; }
`;
/** Leaves sizes to its user space, as many tools of libbpf-tools do. */
const SIZES = `${HEAD}
struct { __uint(type, BPF_MAP_TYPE_HASH); __type(key, __u32); __type(value, __u64); } left SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_STACK_TRACE); __type(key, __u32); } stacks SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); } ring SEC(".maps");
SEC("raw_tp/sched_process_exec") int take(void *ctx) { __u32 key = 0; bpf_map_delete_elem(&left, &key); return 0; }
`;
/** The verifier's words about it (check_mem_access in kernel/bpf/verifier.c). */
const REFUSED = 'invalid mem access';
const PROJECT = `name: demo/evidence
version: 1.0.0
variants:
  - name: careless
    sources: [src/careless.bpf.c]
  - name: careful
    sources: [src/careful.bpf.c]
  - name: sizes
    sources: [src/sizes.bpf.c]
`;

let folder: TemporaryFolder;
let registry: Registry;
let reference: string;
const env = { BPFSHIP_PASSWORD: PASSWORD };

interface Installed {
  variant: string;
  rejected: unknown[];
}

interface Checked {
  status: number | null;
  stderr: string;
  selected: string;
  verdicts: { variant: string; outcome: string; findings: { code: string; reason: string }[] }[];
}

async function check(...args: string[]): Promise<Checked> {
  const { status, stdout, stderr } = await spawnCli(['check', reference, '-j', ...args]);
  return { status, stderr, ...(JSON.parse(stdout) as Pick<Checked, 'selected' | 'verdicts'>) };
}

function policy(name: string, evidenceKeys: string[]): string {
  const read = (key: string): string => readFileSync(folder.file(`${key}.pub`), 'utf8');
  writeFileSync(
    folder.file(name),
    JSON.stringify({ schemaVersion: 1, keys: [read('acme')], evidenceKeys: evidenceKeys.map(read) }),
  );
  return folder.file(name);
}

describe.skipIf(!IS_ROOT)('evidence of this kernel', () => {
  beforeAll(async () => {
    folder = temporaryFolder();
    registry = await createRegistry({ root: folder.file('registry') });
    reference = `${registry.host}/demo/evidence:1.0.0`;
    mkdirSync(folder.file('project/src'), { recursive: true });
    writeFileSync(join(folder.file('project'), 'ebpf-service.yaml'), PROJECT);
    writeFileSync(join(folder.file('project'), 'src/careless.bpf.c'), CARELESS);
    writeFileSync(join(folder.file('project'), 'src/careful.bpf.c'), CAREFUL);
    writeFileSync(join(folder.file('project'), 'src/sizes.bpf.c'), SIZES);
    for (const name of ['acme', 'lab']) {
      await succeed(['generate-key-pair', '--output-key-prefix', folder.file(name)], env);
    }
  }, 60_000);

  afterAll(async () => {
    await registry.close();
    folder[Symbol.dispose]();
  });

  it('build loads what it built once, and says what the verifier said', async () => {
    const built = await spawnCli(['build', folder.file('project'), '--evidence', folder.file('built.json')]);
    expect(built).toMatchObject({ status: 0, stderr: expect.stringContaining('program take of variant careless') });
    expect(built.stderr).toContain(REFUSED);
    expect(built.stderr).not.toMatch(/variant (?:careful|sizes) does not/);
    const strict = await spawnCli(['build', folder.file('project'), '--load']);
    expect(strict).toMatchObject({ status: 1, stderr: expect.stringContaining('does not load on this kernel') });
    const none = await spawnCli(['build', folder.file('project'), '--no-load']);
    expect(none.stderr).not.toContain('careless does not load');
    expect(() => readFileSync('/sys/fs/bpf/evidence_test_pin')).toThrow('ENOENT');
  }, 60_000);

  it('is believed only of keys in the role, and decides then', async () => {
    await succeed(['pack', folder.file('project'), '--output', folder.file('layout')]);
    const layout = `${folder.file('layout')}:1.0.0`;
    await succeed(['sign', '--key', folder.file('acme.key'), '--oci-layout', layout], env);
    await succeed(['push', layout, reference]);
    expect(await check()).toMatchObject({ selected: 'careless' });
    // What build wrote down is of the very layers that pack made.
    const local = await check('--evidence', folder.file('built.json'));
    expect(local).toMatchObject({ status: 0, selected: 'careful' });
    expect(local.verdicts[0]).toMatchObject({ outcome: 'refused', findings: [{ code: 'load-failed' }] });
    expect(local.verdicts[0]?.findings[0]?.reason).toContain(REFUSED);

    // Unsigned, then signed by a key that may sign packages only: left out, with a warning.
    await succeed(['evidence', reference, '--from', folder.file('built.json')]);
    await succeed(['evidence', reference, '--by', 'a test', '--key', folder.file('acme.key')], env);
    const doubted = await check('--policy', policy('lab.json', ['lab']));
    expect(doubted).toMatchObject({ status: 0, selected: 'careless' });
    expect(doubted.stderr.match(/evidence sha256:[0-9a-f]{64} was left out/g)).toHaveLength(2);

    await succeed(['evidence', reference, '--from', folder.file('built.json'), '--key', folder.file('lab.key')], env);
    expect(await check('--policy', folder.file('lab.json'))).toMatchObject({ selected: 'careful' });
    // A node need not try what failed there already; it asks for one list more.
    const states = { BPFSHIP_STATE_DIR: folder.file('state') };
    const by = ['--policy', folder.file('lab.json'), '-j'];
    const installed = JSON.parse((await spawnCli(['install', reference, ...by], { env: states })).stdout) as Installed;
    // The object's own wish to be pinned by name is not the node's.
    expect(existsSync('/sys/fs/bpf/evidence_test_pin')).toBe(false);
    await spawnCli(['uninstall', 'demo/evidence'], { env: states });
    expect(installed).toMatchObject({ variant: 'careful', rejected: [] });
    // Nobody in the role: none is asked for.
    expect((await check('--policy', policy('nobody.json', []))).stderr).not.toContain('evidence');
  }, 120_000);

  it('says with --attach whether programs attach, and leaves none attached', async () => {
    const file = folder.file('attached.json');
    await succeed(['evidence', reference, '--attach', '--output', file]);
    const { kernels } = JSON.parse(readFileSync(file, 'utf8')) as {
      kernels: { runs: { variant: string; programs: object[] }[] }[];
    };
    const programs = new Map(kernels.flatMap(({ runs }) => runs.map((run) => [run.variant, run.programs])));
    expect(programs.get('careful')).toEqual([{ name: 'take', loads: { outcome: 'ok' }, attaches: { outcome: 'ok' } }]);
    expect(programs.get('careless')?.[0]).not.toHaveProperty('attaches');
    const checked = await check('--evidence', file);
    expect(checked).toMatchObject({ status: 0, selected: 'careful' });
  }, 60_000);

  it('of another kernel makes uncertain what failed there without being foreseen, and proves nothing', async () => {
    const evidence = JSON.parse(readFileSync(folder.file('built.json'), 'utf8')) as { kernels: { version: string }[] };
    for (const kernel of evidence.kernels) kernel.version = '#0 another build';
    writeFileSync(folder.file('other.json'), JSON.stringify(evidence));
    const { selected, verdicts } = await check('--evidence', folder.file('other.json'));
    expect(selected).toBe('careful');
    expect(verdicts[0]).toMatchObject({ outcome: 'uncertain', findings: [{ code: 'load-failed-elsewhere' }] });
    expect(verdicts[1]).toMatchObject({ outcome: 'loads', findings: [] });
  });

  it('refuses documents that break the standard', async () => {
    writeFileSync(folder.file('broken.json'), '{"schemaVersion":1}');
    const { status, stderr } = await spawnCli(['check', reference, '--evidence', folder.file('broken.json')]);
    expect(status).toBe(1);
    expect(stderr).toContain('the evidence breaks the standard');
  });
});
