import { BtfBuilder } from '@bpfship/bpf-object';
import { describe, expect, it } from 'vitest';
import { openLocalTypes, type LocalRelocation } from '../src/kernel-types.ts';
import { createKernelTypesCache, openKernelTypes } from '../src/index.ts';

/** Two structs of one name. Only the first has `a`; `b` lies elsewhere in each, so that it is ambiguous unless `a` was asked before. */
function kernelBtf(offset: number): Uint8Array {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', { size: 4 });
  builder.addStruct('twice', 64, [
    { name: 'a', type: int, bitOffset: 0 },
    { name: 'b', type: int, bitOffset: offset },
  ]);
  builder.addStruct('twice', 64, [{ name: 'b', type: int, bitOffset: offset + 32 }]);
  builder.addEnum('bpf_prog_type', [['BPF_PROG_TYPE_XDP', 6]]);
  return builder.bytes();
}

function localTypes(): string {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', { size: 4 });
  builder.addStruct('twice', 64, [
    { name: 'a', type: int, bitOffset: 0 },
    { name: 'b', type: int, bitOffset: 32 },
  ]);
  return Buffer.from(builder.bytes()).toString('base64');
}

const A: LocalRelocation = { relocation: 'field-byte-offset', typeId: 2, access: '0:0' };
const B: LocalRelocation = { relocation: 'field-byte-offset', typeId: 2, access: '0:1' };
const kernels = new Map(Array.from({ length: 5 }, (_, index) => [`sha256:${index}`, kernelBtf(64 * (index + 1))]));

function openCounted(limits: { open?: number; remember?: number } = {}): {
  reads: string[];
  cache: ReturnType<typeof createKernelTypesCache>;
} {
  const reads: string[] = [];
  const cache = createKernelTypesCache({
    ...limits,
    read: (digest) => {
      reads.push(digest);
      return kernels.get(digest) ?? new Uint8Array(0);
    },
  });
  return { reads, cache };
}

describe('createKernelTypesCache', () => {
  it('answers as the types themselves do, in every order of questions', () => {
    const { cache } = openCounted({ open: 1 });
    const source = localTypes();
    const orders = [[A, B], [B, A], [B], [A], [A, B, A], [A, B], [B, A, B]];
    for (const order of [...orders, ...orders]) {
      for (const [digest, btf] of kernels) {
        const direct = openLocalTypes(source);
        const cached = openLocalTypes(source);
        const types = openKernelTypes(btf);
        for (const relocation of order)
          expect(cache.get(digest).relocate(cached, relocation)).toEqual(types.relocate(direct, relocation));
      }
    }
    expect(cache.get('sha256:0').relocate(openLocalTypes(source), B)).toMatchObject({ outcome: 'error' });
  });

  it('reads each kernel once, however many there are and whichever comes when', () => {
    const { cache, reads } = openCounted({ open: 1 });
    const source = localTypes();
    for (let round = 0; round < 20; round++) {
      for (const digest of kernels.keys()) {
        const types = cache.get(digest);
        expect(types.enumerators('bpf_prog_type')).toEqual(new Set(['BPF_PROG_TYPE_XDP']));
        expect(types.has('func', 'missing')).toBe(false);
        expect(types.relocate(openLocalTypes(source), A)).toEqual({ outcome: 'resolved', value: 0n });
      }
    }
    expect(reads).toEqual([...kernels.keys()]);
  });

  it('forgets what was asked longest ago', () => {
    const { cache, reads } = openCounted({ open: 1, remember: 2 });
    for (const digest of ['sha256:0', 'sha256:1', 'sha256:0', 'sha256:2', 'sha256:0', 'sha256:1'])
      cache.get(digest).has('typedef', 'missing');
    expect(reads).toEqual(['sha256:0', 'sha256:1', 'sha256:2', 'sha256:1']);
  });

  it('throws what reading throws, and reads again', () => {
    let fail = true;
    const cache = createKernelTypesCache({
      read: () => {
        if (fail) throw new Error('not there');
        return kernelBtf(64);
      },
    });
    expect(() => cache.get('sha256:0').has('func', 'missing')).toThrow('not there');
    fail = false;
    expect(cache.get('sha256:0').has('func', 'missing')).toBe(false);
  });
});
