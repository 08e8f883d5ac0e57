import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { OciLayoutStore } from '../../packages/oras-client/dist/index.js';
import { openKernel, openNode } from '../../packages/runtime-shim/dist/index.js';

// Runs inside a qemu guest: a service of a tracepoint and a kprobe, which outlives every process that works on it. Each step is a process
// of its own; between them nobody but the kernel holds anything.
const SERVICE = 'test-service';
const HITS = `/sys/fs/bpf/bpfship/${SERVICE}/maps/hits`;

/** What a step tells of the programs: how each is held and switched. */
type Told = Record<string, string>;

async function takeStep(step: string): Promise<Told> {
  const store = await OciLayoutStore.open('/work/layout');
  const from = (version: string) => ({
    target: store,
    reference: version,
    location: 'layout',
    allowUnsigned: true as const,
  });
  const node = await openNode();
  try {
    if (step === 'install') await node.install(from('1.0.0'));
    if (step === 'upgrade') await node.upgrade({ ...from('1.1.0'), service: SERVICE });
    if (step === 'rollback') await node.rollback({ service: SERVICE });
    if (step === 'uninstall') {
      await node.uninstall({ service: SERVICE });
      return {};
    }
    const { programs, state, version } = await node.status(SERVICE);
    return {
      state,
      version,
      ...Object.fromEntries(programs.map(({ name, link, switching }) => [name, `${link?.way} ${switching?.way}`])),
    };
  } finally {
    await node[Symbol.asyncDispose]();
  }
}

async function countHits(): Promise<[tracepoint: number, kprobe: number]> {
  const kernel = openKernel();
  try {
    const entries = await kernel.dumpMap(HITS, 2);
    const [tracepoint = 0, kprobe = 0] = entries.map(({ value }) => Number(Buffer.from(value).readBigUInt64LE(0)));
    return [tracepoint, kprobe];
  } finally {
    await kernel[Symbol.asyncDispose]();
  }
}

const [step] = process.argv.slice(2);
if (step !== undefined) {
  process.stdout.write(`told:${JSON.stringify(await takeStep(step))}\n`);
} else {
  const results: Record<string, unknown> = {};
  for (const each of ['install', 'upgrade', 'rollback']) {
    const text = execFileSync(process.execPath, [import.meta.filename, each], { encoding: 'utf8' });
    const told = JSON.parse(/^told:(.*)$/m.exec(text)?.[1] ?? '{}') as Told;
    const before = await countHits();
    for (let i = 0; i < 5; i++) readFileSync('/proc/version');
    const after = await countHits();
    results[each] = { told, grown: after.map((count, i) => count - (before[i] ?? 0) >= 5) };
  }
  execFileSync(process.execPath, [import.meta.filename, 'uninstall']);
  process.stdout.write(`held-result:${JSON.stringify({ ...results, left: existsSync('/sys/fs/bpf/bpfship') })}\n`);
}
