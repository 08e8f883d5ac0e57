import { execFileSync } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { hitCounter } from './hit-counter.ts';

/** C of a TCP congestion control that counts its connections in `hits`. @param section - `.struct_ops` or `.struct_ops.link`. */
export function congestionControl(section: string, name: string): string {
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
export function connectBy(name: string): () => void {
  const namespace = `bpfship-cc-${name}`;
  execFileSync('ip', ['netns', 'add', namespace]);
  onTestFinished(() => void execFileSync('ip', ['netns', 'del', namespace]));
  execFileSync('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
  const script = `const n=require('net'),f=require('fs'),c='/proc/sys/net/ipv4/tcp_congestion_control';
    f.writeFileSync(c,'${name}');
    const s=n.createServer((x)=>x.end()).listen(0,'127.0.0.1',()=>{const k=n.connect(s.address().port,'127.0.0.1').resume().on('close',()=>{s.close();f.writeFileSync(c,'reno')})})`;
  return () => void execFileSync('ip', ['netns', 'exec', namespace, process.execPath, '-e', script], { stdio: 'pipe' });
}
