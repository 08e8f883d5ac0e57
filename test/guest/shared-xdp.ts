import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { OciLayoutStore } from '../../packages/oras-client/dist/index.js';
import { openNode, type ShimNode } from '../../packages/runtime-shim/dist/index.js';

// Runs inside a qemu guest: services of a node and programs of Debian's xdp-tools on one interface, under traffic.
const LINK = 'veth0';
const XDP_FILTER = '/usr/lib/x86_64-linux-gnu/bpf/xdpfilt_alw_all.o';
const UPGRADES = 6;

const steps: Record<string, unknown> = {};

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

function xdpLoader(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('xdp-loader', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`xdp-loader ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

/** Programs in the order in which they run, as xdp-loader shows them. */
function order(): string[] {
  return xdpLoader('status', LINK)
    .split('\n')
    .flatMap((line) => /^ =>\s+(\d+)\s+(\S+)/.exec(line)?.slice(1).join(' ') ?? []);
}

function createCable(): void {
  execFileSync('mkdir', ['-p', '/run/netns']);
  ip('netns', 'add', 'peer');
  ip('link', 'add', LINK, 'type', 'veth', 'peer', 'name', 'veth1');
  ip('link', 'set', 'veth1', 'netns', 'peer');
  ip('addr', 'add', '198.18.0.1/30', 'dev', LINK);
  ip('link', 'set', LINK, 'up');
  ip('-n', 'peer', 'addr', 'add', '198.18.0.2/30', 'dev', 'veth1');
  ip('-n', 'peer', 'link', 'set', 'veth1', 'up');
  const [{ address }] = JSON.parse(ip('-j', 'link', 'show', LINK)) as [{ address: string }];
  ip('-n', 'peer', 'neigh', 'add', '198.18.0.1', 'lladdr', address, 'dev', 'veth1');
}

/** Sends datagrams while something is done. @returns how many. */
async function underTraffic(action: () => Promise<void>): Promise<number> {
  const script = `
    const socket = require('dgram').createSocket('udp4');
    let sent = 0, ended = false;
    process.stdin.on('end', () => (ended = true)).resume();
    const next = () => ended ? process.stdout.write(String(sent), () => socket.close())
      : socket.send('x', 9, '198.18.0.1', (error) => { if (!error) sent++; setImmediate(next); });
    next();
  `;
  const sender = spawn('ip', ['netns', 'exec', 'peer', process.execPath, '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  sender.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise((resolve) => sender.on('close', resolve));
  try {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await action();
  } finally {
    sender.stdin.end();
    await ended;
  }
  return Number(text);
}

function onInterface(): string {
  return JSON.stringify(JSON.parse(ip('-j', 'link', 'show', LINK))[0].xdp ?? null);
}

function pins(): string[] {
  const folders = ['/sys/fs/bpf/xdp', '/sys/fs/bpf/bpfship'].filter((path) => existsSync(path));
  return folders.flatMap((path) => readdirSync(path).map((name) => `${path}/${name}`));
}

const store = await OciLayoutStore.open('/work/services');
const source = (tag: string) => ({
  target: store,
  reference: tag,
  location: 'layout',
  allowUnsigned: true as const,
});
const attach = { '*': { interfaceName: LINK } };

async function counted(node: ShimNode, service: string): Promise<number> {
  return Number((await node.dumpMap(service, 'packets', 1))?.[0]?.['value']);
}

async function use(node: ShimNode, service: string): Promise<unknown> {
  const { state, programs } = await node.status(service);
  return { state, xdp: programs.map(({ xdp }) => xdp && { ...xdp, dispatcher: undefined, component: undefined }) };
}

createCable();
const node = await openNode();
try {
  await node.install({ ...source('first-1.0.0'), attach });
  steps['alone'] = await use(node, 'first');
  let sent = await underTraffic(async () => {
    // A second service comes: the first shares its interface from now on.
    await node.install({ ...source('second-1.0.0'), attach });
    for (let i = 0; i < UPGRADES; i++) {
      const version = i % 2 === 0 ? '1.1.0' : '1.0.0';
      await node.upgrade({ ...source(`first-${version}`), service: 'first' });
    }
    await node.rollback({ service: 'first' });
  });
  steps['first'] = { sent, counted: await counted(node, 'first') };
  steps['shared'] = [await use(node, 'first'), await use(node, 'second')];
  steps['listed'] = await node.list();
  const before = await counted(node, 'second');
  sent = await underTraffic(async () => {
    await node.upgrade({ ...source('second-1.1.0'), service: 'second' });
    await node.upgrade({ ...source('first-1.0.0'), service: 'first' });
    await node.rollback({ service: 'second' });
  });
  steps['second'] = { sent, counted: (await counted(node, 'second')) - before };
  steps['order'] = order();

  await node.uninstall({ service: 'first' });
  steps['withoutFirst'] = { use: await use(node, 'second'), order: order() };
  await node.uninstall({ service: 'second' });
  steps['none'] = { interface: onInterface(), pins: pins() };

  // A program that says how it runs beside others lets other tools come: xdp-loader joins, and leaves again.
  await node.install({ ...source('early-1.0.0'), attach });
  sent = await underTraffic(async () => {
    xdpLoader('load', LINK, XDP_FILTER);
    steps['joined'] = order();
    await node.upgrade({ ...source('early-1.1.0'), service: 'early' });
    steps['upgraded'] = order();
  });
  steps['early'] = { sent, counted: await counted(node, 'early') };
  steps['status'] = await use(node, 'early');
  await node.uninstall({ service: 'early' });
  steps['theirs'] = { order: order(), pins: pins().length };

  // It was first there, and we join.
  await node.install({
    ...source('first-1.0.0'),
    attach: { '*': { interfaceName: LINK, xdpPriority: 5, xdpChainCalls: ['XDP_PASS', 'XDP_TX'] } },
  });
  steps['ours'] = { order: order(), use: await use(node, 'first') };
  xdpLoader('unload', LINK, '--all');
  steps['thrownOut'] = await use(node, 'first');
  const repaired = await node.upgrade({ ...source('first-1.1.0'), service: 'first' });
  steps['repaired'] = { warnings: repaired.warnings, use: await use(node, 'first') };
  await node.uninstall({ service: 'first' });

  steps['left'] = {
    interface: onInterface(),
    pins: pins(),
    mounted: /\bbpf\b.*\/sys\/fs\/bpf /.test(readFileSync('/proc/mounts', 'utf8')),
  };

  // What has the interface for itself is not touched.
  ip('link', 'set', 'dev', LINK, 'xdp', 'obj', '/work/alone.o', 'sec', 'xdp');
  steps['taken'] = await node.install({ ...source('first-1.0.0'), attach }).then(
    () => 'installed',
    (error: { code: string; errno: string; message: string; hint: string }) =>
      [error.code, error.errno, error.message, error.hint].join(' | '),
  );
  process.stdout.write(`shared-xdp-result:${JSON.stringify({ release: release(), steps })}\n`);
} finally {
  await node[Symbol.asyncDispose]();
}
