import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileObject } from '../../packages/runtime-shim/test/support/compile-object.ts';
import { runInGuest } from '../../test/guest/run-in-guest.ts';
import { numberedFunction, type Seen } from '../../test/support/load/numbered.ts';
import { compileLoad } from '../../test/support/load/start-load.ts';
import { ROOT } from '../support/machine.ts';

/** What stubs at one kind of hook came to in a guest. */
export interface GuestSoak extends Seen {
  how: 'kprobe' | 'fentry';
  /** Of the guest's kernel. */
  release: string;
  switches: number;
  /** Under load, from the first switch to the last, by the guest's clock. */
  seconds: number;
  /** Calls that were made in all, and from the first switch to the last. */
  made: number;
  meanwhile: number;
  byVersion: [number, number];
  /** Milliseconds of the write that switches, as its caller sees it, with emulation. */
  medianWrite: number;
}

/** A mark that only the load's calls have. */
const MARK = 0x62_70_66_73;

/** Switches stubs at kprobes and fentry in a kernel that a host without them cannot try. @param series - e.g. `6.12`. */
export async function soakInGuest(series: string, switches: number): Promise<GuestSoak[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-soak-guest-'));
  try {
    const files: Record<string, string> = { '/work/calls': compileLoad('calls', folder) };
    for (const how of ['kprobe', 'fentry'] as const) {
      for (const slot of [0, 1]) {
        const path = join(folder, `${how}-${slot}.o`);
        writeFileSync(path, compileObject(numberedFunction(slot, MARK, how)));
        files[`/work/${how}-${slot}.o`] = path;
      }
    }
    for (const name of ['guest/stub-soak.ts', 'support/load/numbered.ts', 'support/load/start-load.ts'])
      files[`/bpfship/test/${name}`] = join(ROOT, 'test', name);
    const { output, status } = await runInGuest({
      timeoutMs: 1_500_000,
      kernel: series,
      files,
      command: `cd /bpfship && node test/guest/stub-soak.ts ${switches} ${MARK}`,
    });
    const results = output
      .split('\n')
      .filter((line) => line.startsWith('soak-result:'))
      .map((line) => JSON.parse(line.slice('soak-result:'.length)) as GuestSoak & { error?: string });
    const failed = results.find(({ error }) => error !== undefined);
    if (status !== 0 || failed || results.length !== 2)
      throw new Error(`the soak on Linux ${series} failed: ${failed?.error ?? output.slice(-4000)}`);
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
