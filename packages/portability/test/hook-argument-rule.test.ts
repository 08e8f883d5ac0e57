import { BtfBuilder } from '@bpfship/bpf-object';
import type { Variant } from '@bpfship/media-types';
import { expect, it } from 'vitest';
import { decide, neededFacts } from '../src/index.ts';
import { facts, index, variant } from './samples.ts';

/** `TP_PROTO(const void *ptr, void *plain)` behind the name of a tracepoint. */
function types(): Uint8Array {
  const builder = new BtfBuilder();
  const plain = builder.addPointer(0);
  const pointer = builder.addPointer(builder.addModifier('const', 0));
  const prototype = builder.addPrototype(0, [{ type: plain }, { type: pointer }, { type: plain }]);
  builder.addTypedef('btf_trace_freed', builder.addPointer(prototype));
  return builder.bytes();
}

function reading(offset: number): Variant {
  const target = { hook: 'btf-tracepoint', value: 'freed' };
  return variant('one', [{ kind: 'hook-argument', ...target, access: 'read', offset, size: 8, programs: ['p'] }]);
}

it('a pointer to const void is an argument that only newer kernels let programs see', () => {
  const loads = (offset: number, able?: boolean): string | undefined => {
    const kernel = facts({ features: able === undefined ? {} : { 'const-void-pointer-arguments': able } });
    return decide({ index: index(reading(offset)), facts: kernel, btf: types() }).verdicts[0]?.loads;
  };
  expect(loads(0, false)).toBe('no');
  expect(loads(0, true)).toBe('yes');
  expect(loads(0)).toBe('yes');
  expect(loads(8, false)).toBe('yes');
  expect(neededFacts([reading(0)])).toContainEqual({ kind: 'feature', value: 'const-void-pointer-arguments' });
});
