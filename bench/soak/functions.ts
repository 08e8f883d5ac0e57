import type { Findings } from '../benchmarks/benchmark.ts';
import { summarize } from '../support/statistics.ts';
import { type GuestSoak, soakInGuest } from './in-guest.ts';

/** The soak of stubs at functions of the kernel, in guests: hosts without kprobes cannot try them. */
export const FUNCTIONS = {
  name: 'functions',
  question:
    'Does every call of a kernel function pass exactly one generation of a program at it, by kprobe and by fentry?',
  upgrades: 2000,
} as const;

/** Debian's Linux of the guests. */
const SERIES = ['5.10', '6.12', '7.2'];

/** Soaks in one guest after the other. */
export async function soakFunctions(switches: number): Promise<{ findings: Findings; isRight: boolean }> {
  const soaks: GuestSoak[] = [];
  for (const series of SERIES) soaks.push(...(await soakInGuest(series, switches)));
  return {
    isRight: soaks.every(isExactlyOnce),
    findings: {
      method: [
        'Inside of an emulated guest (two processors), two programs at one function of the kernel stand behind one stub, and are switched to and fro by the calls that an upgrade makes, while a process calls that function with numbers.',
        '“Once” counts numbers that came when they were due, “lost” those that never came, “doubled” those that came again. Times are those of an emulated machine.',
      ],
      peers: {},
      groups: [
        {
          title: `${switches} switches under load`,
          series: soaks.map(({ how, release, medianWrite }) =>
            summarize(`${how} on ${release}: the write that switches`, 'ms', [medianWrite]),
          ),
        },
      ],
      comparisons: [],
      lists: [
        {
          title: soaks.every(isExactlyOnce)
            ? 'Every call passed exactly one generation'
            : 'NOT every call passed exactly one generation',
          lines: soaks.map(
            ({ how, release, made, meanwhile, seconds, once, lost, doubled, byVersion }) =>
              `${how} on ${release}: ${made} calls, ${Math.round(meanwhile / seconds)} a second; ${once} once, ${lost} lost, ${doubled} doubled; ${byVersion[0]} by one, ${byVersion[1]} by the other`,
          ),
        },
      ],
    },
  };
}

function isExactlyOnce({ once, lost, doubled, made }: GuestSoak): boolean {
  return lost === 0 && doubled === 0 && once === made;
}
