import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry } from '../registry-dev/dist/index.js';
import { walkAuthorRoad } from './demo/author-road.ts';
import { whyNotHere } from './demo/capability.ts';
import { walkNodeRoadInGuest } from './demo/guest-road.ts';
import { type NodeCost, walkNodeRoad } from './demo/node-road.ts';
import { createShower, type Shower } from './demo/show.ts';
import { ensureSystemPackages, hasCommand } from './machine/system-packages.ts';

const ROOT = join(import.meta.dirname, '..');

/** `npm start`: the whole road, from C source to a running kernel, through a registry. Needs no keyboard. */
async function main(): Promise<void> {
  const begin = performance.now();
  const program = join(ROOT, 'packages', 'cli', 'bin', 'bpfship.js');
  const shower = createShower(ROOT, (argument) =>
    argument === process.execPath
      ? 'npx'
      : argument === program
        ? 'bpfship'
        : argument.startsWith(`${ROOT}/`)
          ? argument.slice(ROOT.length + 1)
          : argument,
  );
  const bpfship = [process.execPath, program];
  const why = await whyNotHere();
  const inGuest = why !== undefined;
  ensureSystemPackages(
    ['clang', 'llvm', 'libbpfHeaders', ...(inGuest ? [] : (['libbpf', 'bpftool', 'iproute2'] as const))],
    (line) => shower.say(line),
  );
  shower.say(
    `Node ${process.versions.node}; each line that begins with $ is the command that runs, as you would type it.`,
  );

  const work = mkdtempSync(join(tmpdir(), 'bpfship-demo-'));
  process.env['BPFSHIP_PASSWORD'] = 'demo';
  const registry = await createRegistry({ root: join(work, 'registry') });
  try {
    const namespace = `${registry.host}/demo`;
    shower.say(`The embedded registry listens on ${registry.host}.`);
    await walkAuthorRoad(shower, { bpfship, work, registry: namespace });
    const costs = inGuest ? await inQemu(shower, work, why) : await here(shower, bpfship, work, namespace);
    summarize(shower, costs, inGuest ? 'in a qemu guest' : 'in this machine’s kernel', performance.now() - begin);
  } finally {
    await registry.close();
    rmSync(work, { recursive: true, force: true });
  }
}

function here(shower: Shower, bpfship: string[], work: string, namespace: string): Promise<NodeCost[]> {
  process.env['BPFSHIP_STATE_DIR'] = join(work, 'state');
  return walkNodeRoad(shower, {
    bpfship,
    reference: (service, version) => `${namespace}/${service}:${version}`,
    key: join(work, 'demo.pub'),
  });
}

async function inQemu(shower: Shower, work: string, why: string): Promise<NodeCost[]> {
  shower.say(`Steps 4 to 7 run in a qemu guest: ${why}.`);
  try {
    ensureSystemPackages(['qemu', 'busybox', 'cpio', 'libbpf', 'iproute2'], (line) => shower.say(line));
  } catch (error) {
    shower.say(`Steps 4 to 7 are left out: ${why}, and there is no qemu to run them in.`);
    shower.say((error as Error).message);
    return [];
  }
  return walkNodeRoadInGuest(shower, work);
}

function summarize(shower: Shower, costs: readonly NodeCost[], where: string, milliseconds: number): void {
  shower.step('Summary');
  for (const { title, requests, bytes, steps } of costs) {
    const total = steps.reduce((sum, step) => sum + step.milliseconds, 0);
    const split = steps.map(({ step, milliseconds: ms }) => `${step} ${ms.toFixed(1)}`).join(', ');
    shower.say(`${title}: ${bytes} bytes in ${requests} requests, ${total.toFixed(1)} ms (${split})`);
  }
  shower.say(
    `${shower.commands.length} commands ${costs.length > 0 ? where : ''} in ${(milliseconds / 1000).toFixed(1)} s. Nothing was left behind.`,
  );
  shower.say('Next: "npx bpfship --help", and the first five minutes in README.md.');
}

process.on('SIGINT', () => undefined);
try {
  if (!existsSync(join(ROOT, 'packages', 'cli', 'dist')) || !hasCommand('sh'))
    throw new Error('the packages are not built; run "npm start"');
  await main();
} catch (error) {
  console.error(`\nError: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
