import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openKernel } from '../../../src/kernel/open-kernel.ts';
import { hitCounter, loadCounter } from '../../support/hit-counter.ts';
import { IS_ROOT } from '../../support/sandbox.ts';

let next = 0;

/** A cgroup of the running test, in a mount of its own, and a way to run something in it. */
function makeCgroup(): { path: string; run: (command: string) => void } {
  const mount = mkdtempSync(join(tmpdir(), 'bpfship-cgroup-'));
  execFileSync('mount', ['-t', 'cgroup2', 'cgroup', mount]);
  next += 1;
  const path = join(mount, `bpfship-test-${process.pid}-${next}`);
  mkdirSync(path);
  onTestFinished(() => {
    if (existsSync(path)) rmdirSync(path);
    execFileSync('umount', [mount]);
    rmSync(mount, { recursive: true });
  });
  return {
    path,
    // The shell itself goes into the cgroup, and ends there.
    run: (command) => void execFileSync('sh', ['-c', `echo $$ > ${path}/cgroup.procs; ${command}`], { stdio: 'pipe' }),
  };
}

const CONNECT = `${process.execPath} -e "const s=require('dgram').createSocket('udp4');s.connect(9,'127.0.0.1',()=>s.send('x',()=>s.close()))"`;
const LISTEN = `${process.execPath} -e "const s=require('net').createServer();s.listen(0,'127.0.0.1',()=>{const c=require('net').connect(s.address().port,()=>{c.end();s.close()})})"`;

/** Section, C of its context, what the program returns to allow it, and what makes it run. */
const HOOKS: readonly (readonly [section: string, context: string, result: number, command: string])[] = [
  ['cgroup_skb/egress', 'struct __sk_buff', 1, CONNECT],
  ['cgroup_skb/ingress', 'struct __sk_buff', 1, LISTEN],
  ['cgroup/skb', 'struct __sk_buff', 1, LISTEN],
  ['cgroup/sock_create', 'struct bpf_sock', 1, CONNECT],
  ['cgroup/sock_release', 'struct bpf_sock', 1, CONNECT],
  ['cgroup/post_bind4', 'struct bpf_sock', 1, LISTEN],
  ['cgroup/bind4', 'struct bpf_sock_addr', 1, LISTEN],
  ['cgroup/connect4', 'struct bpf_sock_addr', 1, LISTEN],
  [
    'cgroup/sendmsg4',
    'struct bpf_sock_addr',
    1,
    CONNECT.replace("s.connect(9,'127.0.0.1',()=>s.send('x'", "process.nextTick(()=>s.send('x',9,'127.0.0.1'"),
  ],
  ['cgroup/getsockname4', 'struct bpf_sock_addr', 1, LISTEN],
  ['cgroup/setsockopt', 'struct bpf_sockopt', 1, LISTEN],
  ['cgroup/getsockopt', 'struct bpf_sockopt', 1, LISTEN],
  ['cgroup/sysctl', 'struct bpf_sysctl', 1, 'cat /proc/sys/kernel/ostype'],
  ['cgroup/dev', 'struct bpf_cgroup_dev_ctx', 1, 'cat /dev/null'],
  ['sockops', 'struct bpf_sock_ops', 1, LISTEN],
];

describe.skipIf(!IS_ROOT)('a program at a cgroup', () => {
  it.each(HOOKS)('SEC("%s")', async (section, context, result, command) => {
    await using kernel = openKernel();
    const { path, run } = makeCgroup();
    const counter = await loadCounter(kernel, hitCounter(section, { context, result }));
    expect(await counter.attach({ cgroupPath: path })).toMatchObject({ type: 'cgroup', way: 'link' });
    expect(await counter.hitsBy(() => run(command))).toBeGreaterThan(0n);
    expect(await counter.inspect()).toMatchObject({ type: 'cgroup', dead: false });
    await counter.detach();
    expect(await counter.hitsBy(() => run(command))).toBe(0n);
  });

  it('stands beside others without a link too, and each goes alone', async () => {
    await using kernel = openKernel();
    const { path, run } = makeCgroup();
    const source = hitCounter('cgroup/connect4', { context: 'struct bpf_sock_addr', result: 1 });
    const [first, second] = [await loadCounter(kernel, source), await loadCounter(kernel, source)];
    const options = { cgroupPath: path, withoutLink: true };
    expect(await first.attach(options)).toMatchObject({ type: 'cgroup', way: 'program-attach' });
    await second.attach(options);
    expect(await first.inspect()).toMatchObject({ programId: first.object.programs[0]?.id, dead: false });
    expect(await first.hitsBy(() => run(LISTEN))).toBeGreaterThan(0n);
    expect(await second.hits()).toBeGreaterThan(0n);
    await first.detach();
    expect(await first.hitsBy(() => run(LISTEN))).toBe(0n);
    expect(await second.inspect()).toMatchObject({ dead: false });
    await second.detach();
    expect(await second.hitsBy(() => run(LISTEN))).toBe(0n);
  });

  it('goes with its cgroup', async () => {
    await using kernel = openKernel();
    const { path } = makeCgroup();
    const source = hitCounter('cgroup/connect4', { context: 'struct bpf_sock_addr', result: 1 });
    const [linked, recorded] = [await loadCounter(kernel, source), await loadCounter(kernel, source)];
    await linked.attach({ cgroupPath: path });
    await recorded.attach({ cgroupPath: path, withoutLink: true });
    rmdirSync(path);
    expect(await recorded.inspect()).toMatchObject({ dead: true });
    await recorded.detach();
    await linked.detach();
    expect(existsSync(recorded.linkPin)).toBe(false);
  });

  it('needs a cgroup, and one that is there', async () => {
    await using kernel = openKernel();
    const source = hitCounter('cgroup/connect4', { context: 'struct bpf_sock_addr', result: 1 });
    const counter = await loadCounter(kernel, source);
    await expect(counter.attach()).rejects.toMatchObject({ message: 'program "hit" needs a cgroup' });
    await expect(counter.attach({ cgroupPath: '/sys/fs/cgroup/no-such' })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      message: 'there is no cgroup /sys/fs/cgroup/no-such for program "hit"',
    });
    await expect(counter.attach({ cgroupPath: '/tmp' })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      errno: 'EBADF',
      hint: expect.stringContaining('cgroup v2') as string,
    });
  });

  it('is iterated over', async () => {
    await using kernel = openKernel();
    const { path } = makeCgroup();
    const counter = await loadCounter(kernel, hitCounter('iter/cgroup'));
    expect(await counter.attach({ cgroupPath: path })).toMatchObject({ type: 'iter', way: 'link' });
    expect(await counter.hitsBy(() => readFileSync(counter.linkPin))).toBeGreaterThan(0n);
  });
});
