import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { compileObject } from '../support/compile-object.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';

const TYPES = ['HASH', 'LRU_HASH', 'PERCPU_HASH', 'ARRAY', 'PERCPU_ARRAY', 'LPM_TRIE'];

const source = TYPES.flatMap((type) =>
  ['from', 'to'].map(
    (side) => `
struct { __uint(type, BPF_MAP_TYPE_${type}); __uint(max_entries, 1000); __uint(map_flags, ${type === 'LPM_TRIE' ? 'BPF_F_NO_PREALLOC' : '0'});
	__type(key, __u${type === 'LPM_TRIE' ? 64 : 32}); __type(value, __u64); } ${type}_${side} SEC(".maps");`,
  ),
).join('');

/** Keys 0…count-1; of a trie, addresses with the longest prefix. */
function keysOf(type: string, count: number): Uint8Array {
  if (type !== 'LPM_TRIE') return new Uint8Array(Uint32Array.from({ length: count }, (_, i) => i).buffer);
  return new Uint8Array(Uint32Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? 32 : (i - 1) / 2)).buffer);
}

async function readAll(kernel: Kernel, pin: string, limit: number): Promise<Map<string, string>> {
  const entries = new Map<string, string>();
  let after: Uint8Array | undefined;
  do {
    const piece = await kernel.readEntries({ pin, limit, ...(after ? { after } : {}) });
    const [keySize, valueSize] = [piece.keys.length / piece.count, piece.values.length / piece.count];
    for (let i = 0; i < piece.count; i++) {
      const hex = (bytes: Uint8Array, size: number): string =>
        Buffer.from(bytes.subarray(i * size, (i + 1) * size)).toString('hex');
      entries.set(hex(piece.keys, keySize), hex(piece.values, valueSize));
    }
    after = piece.next;
  } while (after);
  return entries;
}

describe.skipIf(!IS_ROOT)('entries of a map', () => {
  it.each(TYPES)('are read and written in pieces: %s', async (type) => {
    const sandbox = createSandbox();
    const kernel = sandbox.openKernel();
    const { id } = await kernel.load({
      name: 'maps',
      bytes: compileObject(`${source}\nSEC("raw_tp/sched_process_exec") int f(void *c) { return 0; }`),
    });
    const [from, to] = ['from', 'to'].map((side) => join(sandbox.bpffs, `${type}_${side}`)) as [string, string];
    await kernel.pinObject(id, { maps: { [`${type}_from`]: from, [`${type}_to`]: to }, programs: {} });
    const count = 1000;
    const keys = keysOf(type, count);
    const width = (await kernel.readEntries({ pin: from, limit: 1 })).count;
    const isArray = type.endsWith('ARRAY');
    expect(width > 0).toBe(isArray);
    // One value tells how long those of a per-CPU map are.
    const probe = await kernel.dumpMap(from, 1);
    const valueSize = probe[0]?.value.length ?? (type === 'PERCPU_HASH' ? await perCpuSize(kernel, sandbox.bpffs) : 8);
    const values = Uint8Array.from({ length: count * valueSize }, (_, i) => i % 251);
    expect(await kernel.writeEntries({ pin: from, count, keys, values })).toEqual({ written: count, present: 0 });
    const all = await readAll(kernel, from, 64);
    if (type === 'LRU_HASH') expect(all.size).toBeGreaterThan(0);
    else expect(all.size).toBe(count);
    const one = await kernel.readEntries({ pin: from, limit: 1 });
    await kernel.writeEntries({
      pin: to,
      count: 1,
      keys: one.keys.subarray(0, one.keys.length / one.count),
      values: new Uint8Array(valueSize),
    });
    const missing = await kernel.readEntries({ pin: from, limit: 4096 });
    const written = await kernel.writeEntries({
      pin: to,
      count: missing.count,
      keys: missing.keys,
      values: missing.values,
      onlyMissing: true,
    });
    expect(written).toEqual(isArray ? { written: 0, present: count } : { written: missing.count - 1, present: 1 });
  });
});

/** Bytes of a value of 8 bytes on every CPU. */
async function perCpuSize(kernel: Kernel, folder: string): Promise<number> {
  const pin = join(folder, 'width');
  const { id } = await kernel.load({
    name: 'width',
    bytes: compileObject(
      'struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } width SEC(".maps");\nSEC("raw_tp/sched_process_exec") int f(void *c) { return 0; }',
    ),
  });
  await kernel.pinObject(id, { maps: { width: pin }, programs: {} });
  return (await kernel.dumpMap(pin, 1))[0]?.value.length ?? 0;
}
