import { describe, expect, it } from 'vitest';
import { parseBtf } from '@bpfship/bpf-object';
import { readKernelBtf } from '../../src/facts/kernel-btf.ts';
import { btfKey, findBtfIds } from '../../src/kernel/native/find-btf-ids.ts';

const NAMES = [
  ['func', 'do_exit'],
  ['struct', 'task_struct'],
  ['typedef', 'btf_trace_sched_process_exec'],
  ['func', 'exit'],
  ['var', 'no_such_variable'],
] as const;

describe('findBtfIds', () => {
  it('finds what an index by name finds', async (context) => {
    const bytes = await readKernelBtf();
    if (!bytes) {
      context.skip();
      return;
    }
    const btf = parseBtf(bytes);
    const found = findBtfIds(
      bytes,
      NAMES.map(([kind, name]) => btfKey(kind, name)),
    );
    for (const [kind, name] of NAMES)
      expect([name, found[btfKey(kind, name)]]).toEqual([name, btf.typesNamed(name, kind)[0]]);
  });

  it('finds nothing in what is no BTF, and ends', async () => {
    const bytes = (await readKernelBtf()) ?? new Uint8Array(4096);
    const keys = NAMES.map(([kind, name]) => btfKey(kind, name));
    for (const length of [0, 1, 23, 24, 100, 5000]) expect(findBtfIds(bytes.subarray(0, length), keys)).toEqual({});
    const broken = bytes.slice(0, 100_000);
    for (let i = 24; i < broken.length; i += 7) broken[i] = i % 256;
    expect(findBtfIds(broken, keys)).toEqual({});
  });
});
