import { BtfBuilder } from '@bpfship/bpf-object';
import { expect, it } from 'vitest';
import { decide } from '../src/index.ts';
import { facts, index, variant } from './samples.ts';

const program = (name: string) => ({ name, section: 'xdp', type: 'xdp', hook: 'xdp' });
const symbol = (value: string, weak: boolean) =>
  ({ kind: 'ksym', value, typed: true, weak, programs: ['asks'] }) as const;

function types(): Uint8Array {
  const builder = new BtfBuilder();
  builder.addVariable('runqueues', builder.addInt('unsigned long', { size: 8 }));
  return builder.bytes();
}

it('a symbol without an address fails the programs that ask for it, one that the loader misses all of them', () => {
  const kernel = facts({ hooks: { ksym: { runqueues: false, gone: false } } });
  const outcomes = (value: string, weak: boolean): string[] => {
    const programs = [program('asks'), program('other')];
    const asking = variant('one', [symbol(value, weak)], { programs });
    const { verdicts } = decide({ index: index(asking), facts: kernel, btf: types() });
    return verdicts[0].programs.flatMap(({ outcome, findings }) => [outcome, ...findings.map(({ code }) => code)]);
  };
  expect(outcomes('runqueues', true)).toEqual(['refused', 'ksym-hidden', 'loads']);
  expect(outcomes('gone', false)).toEqual(['refused', 'ksym-missing', 'refused', 'ksym-missing']);
  expect(outcomes('gone', true)).toEqual(['loads', 'loads']);
});
