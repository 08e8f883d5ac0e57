import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { release } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Kernel, openKernel } from '../../packages/runtime-shim/dist/index.js';
import { ATTACH_CASES, type AttachCase, type Stirring } from './attach-cases.ts';

// Runs inside a qemu guest: attaches one program of every kind, makes it run, and detaches it. A line of JSON for each.
const HITS = '/sys/fs/bpf/hits';
const SOCKETS = '/sys/fs/bpf/sockets';
const LINK = '/sys/fs/bpf/link';

/** What came of a case. `way`: `-` where it was refused, and then `error` says why. */
interface CaseResult {
  name: string;
  way: string;
  type?: string;
  error?: string;
  /** Runs while it was attached, and after. */
  hits?: number;
  after?: number;
  /** What the kernel tells meanwhile. */
  dead?: boolean;
  left?: boolean;
}

async function send(): Promise<void> {
  const socket = createSocket('udp4');
  for (let i = 0; i < 3; i++) await new Promise((resolve) => socket.send('x', 9, '127.0.0.1', resolve));
  socket.close();
  await sleep(20);
}

async function listen(): Promise<void> {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  client.resume();
  await once(client, 'close');
  server.close();
}

const STIR: Readonly<Record<Stirring, () => Promise<void> | void>> = {
  open: () => void readFileSync('/etc/attach-road', 'utf8'),
  call: () => void execFileSync('/work/caller'),
  send,
  listen,
  async connect() {
    const setting = '/proc/sys/net/ipv4/tcp_congestion_control';
    const usual = readFileSync(setting, 'utf8').trim();
    const own = readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').includes('bpf_hit');
    if (own) writeFileSync(setting, 'bpf_hit');
    await listen();
    writeFileSync(setting, usual);
  },
  read: () => void (existsSync(LINK) && readFileSync(LINK)),
  wait: () => {
    const end = Date.now() + 200;
    while (Date.now() < end);
  },
  async netkit() {
    const socket = createSocket('udp4');
    await new Promise((resolve) => socket.send('x', 9, '198.18.9.2', resolve));
    socket.close();
    await sleep(20);
  },
};

async function hits(kernel: Kernel): Promise<number> {
  const [entry] = await kernel.dumpMap(HITS, 1);
  return Number(Buffer.from(entry?.value ?? []).readBigUInt64LE(0));
}

/** Waits for the caller's word that it is ready, or done. */
async function answerOf(caller: ChildProcessByStdio<Writable, Readable, null>): Promise<void> {
  await Promise.race([
    once(caller.stdout, 'data'),
    once(caller, 'exit').then(() => Promise.reject(new Error('the caller has ended'))),
  ]);
}

/** @param kernel - one for all: a new one takes seconds under emulation. */
async function tryCase(kernel: Kernel, each: AttachCase): Promise<CaseResult> {
  const { name, targets, map, stir } = each;
  const bytes = readFileSync(`/work/objects/${name.replaceAll('/', '_')}.o`);
  const caller =
    each.options?.['pid'] === 'caller'
      ? spawn('/work/caller', ['wait'], { stdio: ['pipe', 'pipe', 'inherit'] })
      : undefined;
  const options = { ...each.options, ...(caller?.pid === undefined ? {} : { pid: caller.pid }), linkPin: LINK };
  const action = caller === undefined ? STIR[stir] : () => void caller.stdin.write('x');
  try {
    if (caller !== undefined) await answerOf(caller);
    const { id, maps } = await kernel.load({
      name: 'hits',
      bytes,
      ...(targets === undefined ? {} : { targets: { hit: targets } }),
    });
    // As a service's maps are: without its map a program is nowhere.
    const sockets = maps.find(({ type }) => type === 'sockmap');
    const pins = { hits: HITS, ...(sockets ? { [sockets.name]: SOCKETS } : {}) };
    await kernel.pinObject(id, { maps: pins, programs: {} });
    const attached = await kernel.attach(id, map ?? 'hit', options);
    await kernel.close(id);
    const before = await hits(kernel);
    await action();
    if (caller !== undefined) await answerOf(caller);
    const count = (await hits(kernel)) - before;
    const info = await kernel.inspectPin(LINK);
    await kernel.removeLink(LINK);
    // Older kernels let go only some milliseconds after the pin.
    let after = 1;
    for (let i = 0; i < 50 && after > 0; i++) {
      const last = await hits(kernel);
      await STIR[stir]();
      after = (await hits(kernel)) - last;
    }
    return {
      name,
      way: attached.way,
      type: attached.type,
      hits: count,
      after,
      dead: info?.kind !== 'link' || info.dead,
      left: existsSync(LINK),
    };
  } catch (error) {
    return {
      name,
      way: '-',
      error:
        error instanceof Error ? `${error.message} ${'details' in error ? String(error.details) : ''}` : String(error),
    };
  } finally {
    caller?.kill();
    if (existsSync(LINK)) await kernel.removeLink(LINK);
    rmSync(HITS, { force: true });
    rmSync(SOCKETS, { force: true });
  }
}

/** An XDP program at the loopback interface with a function that can be replaced. */
async function attachReplaceable(kernel: Kernel): Promise<void> {
  const { id } = await kernel.load({ name: 'replaceable', bytes: readFileSync('/work/objects/replaceable.o') });
  await kernel.pinObject(id, { maps: {}, programs: { outer: '/sys/fs/bpf/replaceable' } });
  await kernel.attach(id, 'outer', {
    linkPin: '/sys/fs/bpf/replaceable-link',
    interfaceName: 'lo',
    xdpMode: 'generic',
  });
}

function tryCommand(...command: string[]): void {
  try {
    execFileSync(command[0] ?? '', command.slice(1), { stdio: 'ignore' });
  } catch {
    // The kernel has none.
  }
}

writeFileSync('/etc/attach-road', 'x');
execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
tryCommand('ip', 'link', 'add', 'netkit0', 'type', 'netkit');
tryCommand('ip', 'addr', 'add', '198.18.9.1/24', 'dev', 'netkit0');
tryCommand('ip', 'link', 'set', 'netkit0', 'up');
tryCommand('ip', 'link', 'set', 'nk0', 'up');
const kernel = openKernel();
console.log(`library: ${JSON.stringify(await kernel.library())}`);
for (const each of ATTACH_CASES) {
  if (each.name === 'freplace') await attachReplaceable(kernel);
  const result = await tryCase(kernel, each);
  process.stdout.write(`attach-result:${JSON.stringify(result)}\n`);
  if (each.name === 'freplace') {
    await kernel.removeLink('/sys/fs/bpf/replaceable-link');
    rmSync('/sys/fs/bpf/replaceable', { force: true });
  }
}
process.stdout.write(
  `attach-end:${JSON.stringify({ release: release(), lsm: read('/sys/kernel/security/lsm'), lo: describeLoopback() })}\n`,
);

await kernel[Symbol.asyncDispose]();

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Shows XDP programs and qdiscs. */
function describeLoopback(): string {
  return execFileSync('ip', ['-d', 'link', 'show', 'lo'], { encoding: 'utf8' });
}
