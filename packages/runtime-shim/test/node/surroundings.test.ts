import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { becomeOnlyOne } from '../../src/daemon/only-one.ts';
import { openSystem } from '../../src/daemon/system.ts';
import { pinMaps } from '../../src/node/carry-maps.ts';
import { servicePins } from '../../src/node/pins.ts';
import { NO_MAPS } from '../../src/node/plan-maps.ts';
import { UndoList } from '../../src/node/undo-list.ts';
import { compileObject, execCounter } from '../support/compile-object.ts';
import { createSandbox, filesIn, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';
import { waitFor } from '../support/wait-for.ts';

const SERVICE = 'test-service';
/** The folder where libbpf pins what asks for it. */
const LIBBPF_ROOT = '/sys/fs/bpf';

function remove(path: string): void {
  if (existsSync(path)) rmdirSync(path);
}

describe.skipIf(!IS_ROOT)('a package cannot write outside of its own pins', () => {
  it('by asking to be pinned by name, nor take what is pinned under that name', async () => {
    const sandbox = createSandbox();
    const name = `bpfship_pinned_${process.pid}`;
    const map = (entries: number): string =>
      `struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, ${entries}); __type(key, __u32); __type(value, __u64); __uint(pinning, LIBBPF_PIN_BY_NAME); } ${name} SEC(".maps");`;
    const used = `SEC("raw_tp/sched_process_exec") int count(void *ctx) { __u32 zero = 0; return bpf_map_lookup_elem(&${name}, &zero) != 0; }`;
    const foreign = join(LIBBPF_ROOT, name);
    const isMounted = execFileSync('stat', ['-f', '-c', '%T', LIBBPF_ROOT], { encoding: 'utf8' }).trim() === 'bpf_fs';
    const kernel = sandbox.openKernel();
    if (isMounted) {
      const { id } = await kernel.load({ name: 'foreign', bytes: compileObject(`${map(1)}\n${used}`) });
      await kernel.pinObject(id, { maps: { [name]: foreign }, programs: {} });
      onTestFinished(() => rmSync(foreign, { force: true }));
    }
    const before = existsSync(LIBBPF_ROOT) ? readdirSync(LIBBPF_ROOT) : [];
    const packed = await packServices([{ version: '1.0.0', variants: { one: `${map(1)}\n${used}` }, events: {} }]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    expect(existsSync(LIBBPF_ROOT) ? readdirSync(LIBBPF_ROOT) : []).toEqual(before);
    const { maps } = await node.status(SERVICE);
    expect(maps.map(({ pin }) => pin)).toEqual([join(sandbox.bpffsDir, SERVICE, 'maps', name)]);
    const other = isMounted ? await kernel.inspectPin(foreign) : undefined;
    expect(maps[0]?.id).not.toBe(other?.id ?? 0);
    await node.uninstall({ service: SERVICE });
    expect(existsSync(foreign)).toBe(isMounted);
  });

  it.each(['../../../../evil', '/sys/fs/bpf/evil', '..', '.hidden/../../e'])(
    'by the name of a map: %s',
    async (wanted) => {
      const sandbox = createSandbox();
      // The name in the object's strings, as an attacker would write it there.
      const plain = 'evil_map_of_that'.slice(0, wanted.length).padEnd(wanted.length, 'x');
      const source = `struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } ${plain} SEC(".maps");
SEC("raw_tp/sched_process_exec") int count(void *ctx) { __u32 zero = 0; return bpf_map_lookup_elem(&${plain}, &zero) != 0; }`;
      const bytes = replaceAll(compileObject(source), `\0${plain}\0`, `\0${wanted}\0`);
      const kernel = sandbox.openKernel();
      const pins = servicePins(sandbox.bpffsDir, SERVICE);
      mkdirSync(pins.maps, { recursive: true });
      const loaded = await kernel.load({ name: 'evil', bytes }).catch(() => undefined);
      // libbpf refuses some of these names itself.
      if (loaded)
        await pinMaps({ kernel, pins, loaded, plan: NO_MAPS, runningId: undefined, nextId: 1 }, new UndoList());
      const outside = filesIn(sandbox.bpffs).filter((path) => !path.startsWith(`bpfship/${SERVICE}/maps/`));
      expect(outside.filter((path) => !path.endsWith('.debug'))).toEqual([]);
      expect(existsSync('/sys/fs/bpf/evil')).toBe(false);
    },
  );
});

describe.skipIf(!IS_ROOT)('bad surroundings', () => {
  it('a disk that is full at an upgrade leaves the running version as it was', async () => {
    const sandbox = createSandbox();
    const full = join(sandbox.folder, 'full');
    mkdirSync(full);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k,mode=0700', 'tmpfs', full]);
    onTestFinished(() => void execFileSync('umount', [full]));
    const packed = await packServices(
      ['1.0.0', '2.0.0'].map((version) => ({ version, variants: { one: execCounter() } })),
    );
    const node = await sandbox.openNode({ stateDir: full });
    await node.install(packed.unsigned('1.0.0'));
    const before = await node.status(SERVICE);
    execFileSync('sh', ['-c', `head -c 1000000 /dev/zero > ${full}/ballast || true`], { stdio: 'ignore' });
    await expect(node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(?:OCI|SHIM)_NO_SPACE$/) as string,
    });
    expect(await node.status(SERVICE)).toEqual(before);
    execFileSync('rm', [join(full, 'ballast')]);
    await node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE });
    await node.uninstall({ service: SERVICE });
  });

  it('a daemon says which file a full disk keeps it from writing', () => {
    const sandbox = createSandbox();
    const full = join(sandbox.folder, 'full');
    mkdirSync(full);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', full]);
    onTestFinished(() => void execFileSync('umount', [full]));
    execFileSync('sh', ['-c', `head -c 100000 /dev/zero > ${full}/ballast || true`], { stdio: 'ignore' });
    expect(() => becomeOnlyOne(openSystem(), full)).toThrow(`no space left while writing ${join(full, 'shim.lock')}`);
  });

  it('a folder for pins that somebody unmounted is said, and mended from the local store', async () => {
    const sandbox = createSandbox();
    const packed = await packServices([{ version: '1.0.0', variants: { one: execCounter() } }]);
    const node = await sandbox.openNode();
    await node.install(packed.unsigned('1.0.0'));
    execFileSync('umount', ['--lazy', sandbox.bpffs]);
    expect((await node.list())[0]?.state).toBe('detached');
    expect((await node.status(SERVICE)).programs[0]?.state).toBe('detached');
    const [restored] = await node.restore();
    expect(restored).toMatchObject({ outcome: 'restored', version: '1.0.0' });
    expect((await node.status(SERVICE)).state).toBe('attached');
    await node.uninstall({ service: SERVICE });
  });

  it('a cgroup that is gone is said, and the service goes to another one', async () => {
    const sandbox = createSandbox();
    const root =
      execFileSync('findmnt', ['-n', '-o', 'TARGET', '-t', 'cgroup2'], { encoding: 'utf8' }).split('\n', 1)[0] ?? '';
    const [one, two] = ['a', 'b'].map((name) => join(root, `bpfship-${process.pid}-${name}`)) as [string, string];
    onTestFinished(() => [one, two].forEach(remove));
    for (const path of [one, two]) mkdirSync(path);
    const source = 'SEC("cgroup_skb/egress") int count(struct __sk_buff *ctx) { return 1; }';
    const packed = await packServices(
      ['1.0.0', '2.0.0'].map((version) => ({ version, variants: { one: source }, events: {} })),
    );
    const node = await sandbox.openNode();
    await node.install({ ...packed.unsigned('1.0.0'), attach: { '*': { cgroupPath: one } } });
    remove(one);
    // The kernel detaches some time after the folder is gone.
    await waitFor(async () => ((await node.status(SERVICE)).state === 'detached' ? true : undefined));
    await expect(node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE })).rejects.toMatchObject({
      code: 'ERR_SHIM_ATTACH_TARGET',
      message: expect.stringContaining(one) as string,
    });
    await node.upgrade({ ...packed.unsigned('2.0.0'), service: SERVICE, attach: { '*': { cgroupPath: two } } });
    expect((await node.status(SERVICE)).state).toBe('attached');
    await node.uninstall({ service: SERVICE });
  });

  it('a map that is larger than this machine allows is refused with its name, and nothing is left', async () => {
    const sandbox = createSandbox();
    const source = `struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 0x7fffffff); __type(key, __u32); __type(value, char[4096]); } giant SEC(".maps");
SEC("raw_tp/sched_process_exec") int count(void *ctx) { __u32 zero = 0; return bpf_map_lookup_elem(&giant, &zero) != 0; }`;
    const packed = await packServices([{ version: '1.0.0', variants: { one: source }, events: {} }]);
    const node = await sandbox.openNode();
    const failure: unknown = await node.install(packed.unsigned('1.0.0')).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'ERR_KERNEL_LOAD_REJECTED',
      errno: expect.stringMatching(/E2BIG|ENOMEM|EINVAL/) as string,
    });
    expect(`${(failure as Error).message} ${String((failure as { details?: string }).details)}`).toContain('giant');
    expect([await node.list(), sandbox.pins()]).toEqual([[], []]);
  });
});

/** The same length: offsets in the object stay. */
function replaceAll(bytes: Uint8Array, from: string, to: string): Uint8Array {
  return Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll(from, to), 'latin1');
}
