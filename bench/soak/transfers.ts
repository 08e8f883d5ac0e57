import type { Findings } from '../benchmarks/benchmark.ts';
import { summarize } from '../support/statistics.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { soakTransfers } from './faulty-transfers.ts';

/** The soak of the registry client through faults. */
export const TRANSFERS = {
  name: 'transfers',
  question:
    'Is a wrong byte ever accepted, an acknowledged push lost, or does a transfer hang, where the registry is faulty?',
  upgrades: 10_000,
} as const;

/** Pushes and pulls `transfers` times in all. */
export async function soakThroughFaults(
  transfers: number,
  signal: AbortSignal,
): Promise<{ findings: Findings; isRight: boolean }> {
  await using stack = new AsyncDisposableStack();
  const folder = await makeTemporaryFolder(stack, 'soak-transfers');
  const begin = performance.now();
  const soak = await soakTransfers(transfers, { folder, signal });
  const { pushed, pulled, failures, requests, wrong, lost, untyped, hung } = soak;
  const isRight = wrong === 0 && lost === 0 && untyped.length === 0 && hung === 0;
  return {
    isRight,
    findings: {
      method: [
        'Artifacts of one to four random layers are pushed to registry-dev and pulled again, six at a time, while it injects faults by a seed: latency, 429, 500 and 503, connections cut in requests and in answers, lost answers, corrupted and swapped bytes, false digests, wrong lengths, endless redirects, slow bodies.',
        'Pulled bytes are compared by hashes that the client has no part in. In the end everything that was acknowledged is read again without faults.',
      ],
      peers: {},
      groups: [
        {
          title: `${soak.transfers} pushes and pulls through faults`,
          series: [
            summarize('in all', 'ms', [performance.now() - begin]),
            summarize('requests', 'requests', [requests]),
          ],
        },
      ],
      comparisons: [],
      lists: [
        {
          title: isRight ? 'No wrong byte, nothing lost, no hang' : 'WRONG',
          lines: [
            `${pushed} pushed, ${pulled} pulled; ${wrong} with wrong bytes, ${lost} acknowledged and lost, ${hung} hung, ${untyped.length} failed without a type`,
            `failures that were told: ${
              Object.entries(failures)
                .map(([code, count]) => `${code} ${count}`)
                .join(', ') || 'none'
            }`,
            ...untyped.slice(0, 10),
          ],
        },
      ],
    },
  };
}
