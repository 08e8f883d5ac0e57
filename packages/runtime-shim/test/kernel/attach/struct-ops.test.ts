import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openKernel } from '../../../src/kernel/open-kernel.ts';
import { hitCounter, loadCounter } from '../../support/hit-counter.ts';
import { IS_ROOT } from '../../support/sandbox.ts';

/** C of a TCP congestion control that counts its connections. */
function congestionControl(section: string, name: string): string {
  const before = `struct sock;
struct tcp_congestion_ops { __u32 (*ssthresh)(struct sock *); void (*cong_avoid)(struct sock *, __u32, __u32);
	__u32 (*undo_cwnd)(struct sock *); void (*init)(struct sock *); __u32 flags; char name[16]; };
SEC("struct_ops/ssthresh") __u32 ssthresh(__u64 *ctx) { return 2; }
SEC("struct_ops/cong_avoid") void cong_avoid(__u64 *ctx) {}
SEC("struct_ops/undo_cwnd") __u32 undo_cwnd(__u64 *ctx) { return 2; }`;
  return `${hitCounter('struct_ops/init', { before })}
SEC("${section}") struct tcp_congestion_ops ops = { .ssthresh = (void *)ssthresh, .cong_avoid = (void *)cong_avoid,
	.undo_cwnd = (void *)undo_cwnd, .init = (void *)hit, .flags = 1, .name = "${name}" };`;
}

/** A network namespace of the running test, in which a connection is made by a congestion control. */
function connectBy(name: string): () => void {
  const namespace = `bpfship-cc-${name}`;
  execFileSync('ip', ['netns', 'add', namespace]);
  onTestFinished(() => void execFileSync('ip', ['netns', 'del', namespace]));
  execFileSync('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
  const script = `const n=require('net'),f=require('fs'),c='/proc/sys/net/ipv4/tcp_congestion_control';
    f.writeFileSync(c,'${name}');
    const s=n.createServer((x)=>x.end()).listen(0,'127.0.0.1',()=>{const k=n.connect(s.address().port,'127.0.0.1').resume().on('close',()=>{s.close();f.writeFileSync(c,'reno')})})`;
  return () => void execFileSync('ip', ['netns', 'exec', namespace, process.execPath, '-e', script], { stdio: 'pipe' });
}

describe.skipIf(!IS_ROOT)('a struct_ops', () => {
  it('is registered without a link where the object wants none, outlives its process, and is unregistered', async () => {
    const name = `bs${process.pid % 1_000_000}`;
    let counter;
    {
      await using first = openKernel();
      counter = await loadCounter(first, congestionControl('.struct_ops', name));
      await expect(counter.attach()).rejects.toMatchObject({
        code: 'ERR_KERNEL_ATTACH',
        message: expect.stringContaining('one function of a struct_ops') as string,
      });
      const { linkPin } = counter;
      expect(await first.attachMap(counter.object.id, 'ops', { linkPin })).toMatchObject({
        type: 'struct_ops',
        way: 'registered-map',
      });
    }
    const { linkPin } = counter;
    await using kernel = openKernel();
    const connect = connectBy(name);
    connect();
    expect(await kernel.inspectPin(linkPin)).toMatchObject({ type: 'struct_ops', way: 'registered-map', dead: false });
    await kernel.removeLink(linkPin);
    expect(existsSync(linkPin)).toBe(false);
    expect(connect).toThrow();
  });

  it('is counted by, and there is one of a name', async () => {
    const name = `bt${process.pid % 1_000_000}`;
    await using kernel = openKernel();
    const counter = await loadCounter(kernel, congestionControl('.struct_ops', name));
    const other = await loadCounter(kernel, congestionControl('.struct_ops', name));
    await kernel.attachMap(counter.object.id, 'ops', { linkPin: counter.linkPin });
    await expect(kernel.attachMap(other.object.id, 'ops', { linkPin: other.linkPin })).rejects.toMatchObject({
      code: 'ERR_KERNEL_ATTACH',
      errno: 'EEXIST',
    });
    expect(existsSync(other.linkPin)).toBe(false);
    expect(await counter.hitsBy(connectBy(name))).toBeGreaterThan(0n);
    await counter.detach();
    await expect(kernel.attachMap(counter.object.id, 'hits', { linkPin: counter.linkPin })).rejects.toMatchObject({
      message: 'the object has no struct_ops map "hits"',
    });
  });
});
