import { BtfBuilder } from '@bpfship/bpf-object';
import { expect, it } from 'vitest';
import { decide, neededFacts } from '../src/index.ts';
import { facts, index, variant } from './samples.ts';

function types(): Uint8Array {
  const builder = new BtfBuilder();
  builder.addFunction('tcp_slow_start', builder.addPrototype(0, []));
  return builder.bytes();
}

const program = (name: string) => ({ name, section: 'struct_ops', type: 'struct_ops', hook: 'struct-ops' });

it('a kernel that lets no program call kernel functions refuses the programs that do, though its BTF has the function', () => {
  const calls = { kind: 'kfunc', value: 'tcp_slow_start', weak: false, programs: ['calls'] } as const;
  const calling = variant('one', [calls], { programs: [program('calls'), program('other')] });
  const outcomes = (able?: boolean): string[] => {
    const kernel = facts({ features: able === undefined ? {} : { 'kfunc-calls': able } });
    const { verdicts } = decide({ index: index(calling), facts: kernel, btf: types() });
    return verdicts[0].programs.flatMap(({ outcome, findings }) => [outcome, ...findings.map(({ code }) => code)]);
  };
  expect(outcomes(false)).toEqual(['refused', 'kfunc-not-callable', 'loads']);
  expect(outcomes(true)).toEqual(['loads', 'loads']);
  expect(outcomes()).toEqual(['loads', 'loads']);
  expect(neededFacts([calling])).toContainEqual({ kind: 'feature', value: 'kfunc-calls' });
});

it('functions of network devices are for programs that are loaded for one', () => {
  const name = 'bpf_xdp_metadata_rx_hash';
  const builder = new BtfBuilder();
  builder.addFunction(name, builder.addPrototype(0, []));
  const calls = { kind: 'kfunc', value: name, weak: false, programType: 'xdp', programs: ['calls'] } as const;
  const calling = variant('one', [calls], { programs: [{ name: 'calls', section: 'xdp', type: 'xdp', hook: 'xdp' }] });
  const { verdicts } = decide({
    index: index(calling),
    facts: facts({ kfuncs: { xdp: { [name]: true } } }),
    btf: builder.bytes(),
  });
  expect(verdicts[0]).toMatchObject({ outcome: 'uncertain', findings: [{ code: 'device-bound' }] });
});
