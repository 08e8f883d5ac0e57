import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createCable, removeCable, sendDatagrams } from './cable.ts';
import { poll, type Shower } from './show.ts';

/** What a node needs for the road. */
export interface NodeOptions {
  /** The program with its interpreter. */
  bpfship: string[];
  /** Reference of a package, e.g. `127.0.0.1:5000/demo/exec-watch:1.0.0`. */
  reference: (service: string, version: string) => string;
  /** Public key file. */
  key: string;
}

/** What an install or upgrade cost, from its JSON. */
export interface NodeCost {
  title: string;
  requests: number;
  /** Bytes that registries sent. */
  bytes: number;
  steps: { step: string; milliseconds: number }[];
}

const INTERFACE = 'bpfship-demo0';

/** Steps 4 to 7: select, verify, load, watch, upgrade, roll back, remove. @returns what each of them cost. */
export async function walkNodeRoad(shower: Shower, options: NodeOptions): Promise<NodeCost[]> {
  const costs: NodeCost[] = [];
  createCable(INTERFACE);
  try {
    await selectVariants(shower, options);
    shower.step('5. Load and attach: one layer is downloaded');
    costs.push(await bringIn(shower, options, ['install'], 'exec-watch', '1.0.0', []));
    costs.push(await bringIn(shower, options, ['install'], 'xdp-guard', '1.0.0', ['--interface', INTERFACE]));
    await watchEvents(shower, options);
    await upgradeAndRollBack(shower, options, costs);
    await removeAll(shower, options);
  } finally {
    for (const service of ['exec-watch', 'xdp-guard']) uninstallQuietly(options, service);
    removeCable(INTERFACE);
  }
  const left = existsSync('/sys/fs/bpf/bpfship') ? readdirSync('/sys/fs/bpf/bpfship') : [];
  if (left.length > 0) throw new Error(`pins were left behind: ${left.join(', ')}`);
  return costs;
}

async function selectVariants(shower: Shower, { bpfship, reference, key }: NodeOptions): Promise<void> {
  shower.step('4. As a node: resolve, verify the signature, read the kernel facts, select the variant');
  for (const service of ['exec-watch', 'xdp-guard'])
    await shower.run([...bpfship, 'check', reference(service, '1.0.0'), '--key', key]);
}

/** Runs an install or upgrade with JSON, and shows what it says as the text form does. */
async function bringIn(
  shower: Shower,
  { bpfship, reference, key }: NodeOptions,
  command: string[],
  service: string,
  version: string,
  more: string[],
): Promise<NodeCost> {
  const args = [...command, reference(service, version), '--key', key, ...more];
  const json = await shower.run([...bpfship, ...args, '--format', 'json'], { hideOutput: 'stdout' });
  const result = JSON.parse(json) as NodeCost & { variant: string; programs: { hook: string; switched: string }[] };
  const switched = result.programs.map((program) => `${program.hook} (${program.switched})`).join(', ');
  shower.say(`  → variant ${result.variant} at ${switched}; ${result.bytes} bytes in ${result.requests} requests`);
  return {
    title: `${command[0]} ${service} ${version}`,
    requests: result.requests,
    bytes: result.bytes,
    steps: result.steps,
  };
}

async function watchEvents(shower: Shower, { bpfship }: NodeOptions): Promise<void> {
  shower.step('   Live events, decoded by BTF into named fields');
  const logs = shower.start([...bpfship, 'logs', 'exec-watch']);
  // Slow enough for an emulated machine, where the reader itself takes a while to start.
  const seen = await poll(
    () => {
      execFileSync('ls', ['-la', '/'], { stdio: 'ignore' });
      return logs.output().includes('ls -la /');
    },
    90_000,
    500,
  );
  await logs.stop();
  if (!seen) throw new Error('exec-watch showed no event of "ls -la /"');
}

async function upgradeAndRollBack(shower: Shower, options: NodeOptions, costs: NodeCost[]): Promise<void> {
  const { bpfship } = options;
  const status = (): Promise<string> => shower.run([...bpfship, 'status', 'xdp-guard', '--maps']);
  shower.step('6. Hot upgrade while it runs, then rollback; the maps keep their contents');
  sendDatagrams(3);
  await status();
  costs.push(await bringIn(shower, options, ['upgrade', 'xdp-guard'], 'xdp-guard', '1.1.0', []));
  costs.push(await bringIn(shower, options, ['upgrade', 'exec-watch'], 'exec-watch', '1.1.0', []));
  sendDatagrams(2);
  await status();
  await shower.run([...bpfship, 'ps']);
  await shower.run([...bpfship, 'rollback', 'xdp-guard']);
  await shower.run([...bpfship, 'rollback', 'exec-watch']);
}

async function removeAll(shower: Shower, { bpfship }: NodeOptions): Promise<void> {
  shower.step('7. What the node has; then everything is removed');
  await shower.run([...bpfship, 'ps']);
  await shower.run([...bpfship, 'uninstall', 'exec-watch']);
  await shower.run([...bpfship, 'uninstall', 'xdp-guard']);
  await shower.run([...bpfship, 'ps']);
}

function uninstallQuietly({ bpfship: [program = '', ...args] }: NodeOptions, service: string): void {
  try {
    execFileSync(program, [...args, 'uninstall', service], { stdio: 'ignore' });
  } catch {
    // It was not installed any more, as it should be.
  }
}
