import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { Readable, Writable } from 'node:stream';
import { run } from '../../packages/cli/dist/index.js';
import { openNode } from '../../packages/runtime-shim/dist/index.js';
import { createRegistry } from '../../registry-dev/dist/index.js';

// Runs inside a qemu guest: the road of a node, by the command line, with the packages in a registry of the guest's own. `first` begins it and
// leaves the services installed; what the machine keeps over a reboot goes to its disk. `again`, after a boot with that disk, ends it.
const KEY = '/work/test.pub';
const LINK = 'veth0';
const SERVICES = ['exec-watch', 'xdp-guard'];
/** What of the node is on a disk. */
const KEPT = 'var/lib/bpfship';
const DISK = '/dev/vda';

interface Json {
  [member: string]: unknown;
}

/** A stream that hands its text to a function. */
function collect(take: (text: string) => void): Writable {
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      take(Buffer.from(chunk).toString('utf8'));
      done();
    },
  });
}

/**
 * Runs the command line in this process: under emulation, starting a program for each command would take longer than all that the
 * commands do.
 *
 * @param onText - sees what comes on stdout.
 */
async function bpfship(args: string[], onText?: (text: string) => void, signal?: AbortSignal): Promise<string> {
  const begin = Date.now();
  let stdout = '';
  let stderr = '';
  const streams = {
    stdin: Readable.from([]),
    stdout: collect((text) => {
      stdout += text;
      onText?.(text);
    }),
    stderr: collect((text) => (stderr += text)),
    env: process.env,
    cwd: process.cwd(),
  };
  const status = await run(args, streams, signal ?? new AbortController().signal);
  console.log(`${args[0]} ${args[1]}: status ${status} after ${Date.now() - begin} ms`);
  if (status !== 0 && !signal?.aborted) throw new Error(`${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

async function json(args: string[]): Promise<Json> {
  return JSON.parse(await bpfship([...args, '--format', 'json'])) as Json;
}

/** The kept map's contents, as text that can be compared. */
async function mapContents(service: string, map: string): Promise<string> {
  const status = await json(['status', service, '--maps']);
  return JSON.stringify((status['contents'] as Record<string, unknown>)[map] ?? null);
}

async function walk(
  reference: (version: string) => string,
  service: string,
  map: string,
  more: string[],
  stir: () => void,
): Promise<Json> {
  const checked = await json(['check', reference('1.0.0'), '--key', KEY]);
  const verdicts = checked['verdicts'] as { variant: string; outcome: string; findings: { reason: string }[] }[];
  const installed = await json(['install', reference('1.0.0'), '--key', KEY, ...more]);
  stir();
  const before = await mapContents(service, map);
  const upgraded = await json(['upgrade', service, reference('1.1.0'), '--key', KEY]);
  const after = await mapContents(service, map);
  return {
    selected: installed['variant'],
    verdicts: Object.fromEntries(verdicts.map(({ variant, outcome }) => [variant, outcome])),
    reasons: verdicts.flatMap(({ findings }) => findings.map(({ reason }) => reason)),
    upgraded: upgraded['version'],
    kept: before !== 'null' && before !== '[]' && after.length >= before.length && firstKey(before) === firstKey(after),
  };
}

function firstKey(contents: string): unknown {
  return (JSON.parse(contents) as { key: unknown }[])[0]?.key;
}

/** Follows events until the wanted one comes. */
async function waitForEvent(service: string, stir: () => void, wanted: (event: Json) => boolean): Promise<Json> {
  const stop = new AbortController();
  const timer = setInterval(stir, 500);
  let found: Json | undefined;
  let rest = '';
  const take = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const { event } = JSON.parse(line) as { event: Json };
      if (found === undefined && wanted(event)) found = event;
    }
    if (found !== undefined) stop.abort();
  };
  try {
    await bpfship(['logs', service, '--format', 'json', '--duration', '120'], take, stop.signal);
  } finally {
    clearInterval(timer);
  }
  if (found === undefined) throw new Error('the event did not come');
  return found;
}

function sendDatagrams(): void {
  const script =
    "const s=require('dgram').createSocket('udp4');let n=5;const f=()=>n--?s.send('x',9,'198.18.0.1',f):s.close();f()";
  execFileSync('ip', ['netns', 'exec', 'peer', process.execPath, '-e', script]);
}

function leftovers(): string[] {
  const pins = existsSync('/sys/fs/bpf/bpfship') ? ['pins'] : [];
  const mounts = /\bbpf\b.*\/sys\/fs\/bpf /.test(readFileSync('/proc/mounts', 'utf8')) ? ['bpffs'] : [];
  const states = existsSync('/var/lib/bpfship/services') ? readdirSync('/var/lib/bpfship/services') : [];
  return [...pins, ...mounts, ...states];
}

function ip(...args: string[]): void {
  execFileSync('ip', args);
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
}

const list = (): void => void execFileSync('ls', ['-la', '/proc'], { stdio: 'ignore' });

function isOurs({ args }: Json): boolean {
  return typeof args === 'string' && args.includes('ls -la /proc');
}

async function requireStatus(service: string, version: string): Promise<void> {
  const status = await json(['status', service]);
  if (status['version'] !== version || status['state'] !== 'attached')
    throw new Error(`${service} is not as it is to be: ${JSON.stringify(status)}`);
}

function report(result: object): void {
  process.stdout.write(`road-result:${JSON.stringify({ release: release(), ...result })}\n`);
}

/** Select, install, events, upgrade, rollback. */
async function beginRoad(): Promise<void> {
  const registry = await createRegistry({ root: mkdtempSync('/tmp/registry-') });
  try {
    const reference = (service: string) => (version: string) => `${registry.host}/guest/${service}:${version}`;
    // Starting Node is what costs time in a guest, so both processors do it.
    const packages = SERVICES.flatMap((service) => ['1.0.0', '1.1.0'].map((version) => ({ service, version })));
    await Promise.all(
      packages.map(({ service, version }) =>
        bpfship(['push', `/work/${service}:${version}`, reference(service)(version)]),
      ),
    );
    const services = {
      'exec-watch': await walk(reference('exec-watch'), 'exec-watch', 'executions', [], list),
      'xdp-guard': await walk(reference('xdp-guard'), 'xdp-guard', 'counters', ['--interface', LINK], sendDatagrams),
    };
    const event = await waitForEvent('exec-watch', list, isOurs);
    for (const service of SERVICES) {
      await bpfship(['rollback', service]);
      await requireStatus(service, '1.0.0');
    }
    report({ services, event });
  } finally {
    await registry.close();
  }
  execFileSync('tar', ['-cf', DISK, '-C', '/', KEPT]);
}

/** What a node does when it starts, without a network; then events, the other generation, uninstall. */
async function endRoad(): Promise<void> {
  execFileSync('tar', ['-xf', DISK, '-C', '/']);
  if ((statSync(`/${KEPT}`).mode & 0o777) !== 0o700) throw new Error('the state folder came back with other rights');
  const node = await openNode();
  const restored = await node.restore();
  await node[Symbol.asyncDispose]();
  const back = restored.filter(({ outcome }) => outcome !== 'failed').map(({ service }) => service);
  const event = back.includes('exec-watch') ? await waitForEvent('exec-watch', list, isOurs) : undefined;
  for (const service of back) {
    await requireStatus(service, '1.0.0');
    await bpfship(['rollback', service, '--to', '2']);
    await requireStatus(service, '1.1.0');
  }
  for (const service of SERVICES) await bpfship(['uninstall', service]);
  report({
    event,
    restored: restored.map(({ service, outcome, variant, generation, warnings }) => ({
      service,
      outcome,
      variant,
      generation,
      warnings,
    })),
    leftovers: leftovers(),
  });
}

createCable();
await (process.argv[2] === 'again' ? endRoad() : beginRoad());
