import { describe, expect, it } from 'vitest';
import { decide, explainSelection } from '../src/index.ts';
import { facts, index, variant } from './samples.ts';
import { readVectors } from './vectors.ts';

const { types, kernelBtf } = readVectors<{ types: string; kernelBtf: string }, unknown>('relocation')[0].input;
const relocation = {
  kind: 'core-relocation' as const,
  relocation: 'field-byte-offset' as const,
  type: 'struct task_struct',
  access: 'pid',
  programs: ['p'],
};

function verdict(localTypes: Uint8Array, spec: [number, string]): ReturnType<typeof decide> {
  const document = index(
    variant('hostile', [{ ...relocation, spec }], { types: Buffer.from(localTypes).toString('base64') }),
  );
  return decide({ index: document, facts: facts({ btf: { available: true, data: kernelBtf } }) });
}

describe('types of a hostile package', () => {
  const good = new Uint8Array(Buffer.from(types, 'base64'));

  it.each([0, 1, 8, 23, 24, 40, good.length - 1])('cut at %i bytes: refused, no crash', (length) => {
    expect(verdict(good.subarray(0, length), [7, '0:0']).verdicts[0]).toMatchObject({ outcome: 'refused' });
  });

  it('with any byte changed: a verdict, never an exception', () => {
    for (let at = 0; at < good.length; at++) {
      const changed = good.slice();
      changed[at] = changed[at] ^ 0xff;
      expect(['loads', 'refused']).toContain(verdict(changed, [7, '0:0']).verdicts[0]?.outcome);
    }
  });

  it.each([
    [[0, '0']],
    [[4_294_967_295, '0:0']],
    [[7, '9:9:9:9:9']],
    [[7, `0${':0'.repeat(200)}`]],
    [[7, '99999999999999999999']],
  ] as [[number, string]][])('with the access %j: refused', (spec) => {
    expect(verdict(good, spec).verdicts[0]?.outcome).toBe('refused');
  });

  it('cannot steer the terminal that shows the reason', () => {
    // `task_struct` → `task\x1bstruct`: a name of the same length with an escape in it.
    const text = Buffer.from(good).toString('latin1').replaceAll('task_struct', 'task\u001bstruct');
    const selection = verdict(new Uint8Array(Buffer.from(text, 'latin1')), [7, '0:9']);
    expect(explainSelection(selection)).not.toContain('\u001b');
  });
});
