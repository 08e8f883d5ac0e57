import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { OciLayoutStore } from '../../packages/oras-client/dist/index.js';
import { openNode } from '../../packages/runtime-shim/dist/index.js';
import { STUB_CASES, type StubCase } from './stub-cases.ts';

// Runs inside a qemu guest: upgrades a service at every hook that gets a stub, under load. A line of JSON for each.
const UPGRADES = 3;

/** What came of a case. */
interface CaseResult {
  name: string;
  /** How the programs were switched, each way once. */
  switched?: string[];
  /** Why there is no stub. */
  why?: string;
  made?: number;
  /** Calls that each of the generations saw. */
  seen?: number[];
  error?: string;
}

async function startCaller(): Promise<() => Promise<number>> {
  const caller = spawn('/work/caller', { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  caller.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(caller.stdout, 'data');
  return async () => {
    const closed = once(caller, 'close');
    caller.kill('SIGTERM');
    await closed;
    return Number(output.split('\n')[1]);
  };
}

async function tryCase({ name }: StubCase): Promise<CaseResult> {
  const node = await openNode({ stateDir: '/work/state', bpffsDir: '/sys/fs/bpf/bpfship' });
  try {
    const target = await OciLayoutStore.open(`/work/layouts/${name}`);
    const from = (reference: string) => ({ target, reference, location: 'layout', allowUnsigned: true as const });
    await node.install(from('1.0.0'));
    const stop = await startCaller();
    const switched = new Set<string>();
    for (let i = 1; i <= UPGRADES; i++) {
      const { programs } = await node.upgrade({ ...from(i % 2 ? '1.1.0' : '1.0.0'), service: name });
      for (const program of programs) switched.add(program.switched);
    }
    const made = await stop();
    const entries = (await node.dumpMap(name, 'calls', 2)) ?? [];
    const { programs } = await node.status(name);
    const why = programs[0]?.switching?.why;
    return {
      name,
      switched: [...switched],
      ...(why === undefined ? {} : { why }),
      made,
      seen: entries.map(({ value }) => Number(value)),
    };
  } catch (error) {
    const details = (error as { details?: string }).details ?? '';
    return { name, error: `${error instanceof Error ? error.message : String(error)} ${details}` };
  } finally {
    await node.uninstall({ service: name }).catch(() => undefined);
    await node[Symbol.asyncDispose]();
  }
}

execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
for (const each of STUB_CASES) process.stdout.write(`stub-result:${JSON.stringify(await tryCase(each))}\n`);
