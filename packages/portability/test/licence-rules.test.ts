import type { KnownRequirement } from '@bpfship/media-types/requirement';
import { describe, expect, it } from 'vitest';
import { judge } from '../src/index.ts';
import { checkLicence, isGplCompatible } from '../src/rules/licence-rules.ts';
import { facts, variant } from './samples.ts';

const helper = (value: string, more: object = {}): KnownRequirement => {
  return { kind: 'helper', value, programType: 'xdp', programs: ['p'], ...more };
};

// Each of these was taken, or refused, by real kernels (test/corpus/idioms/licence.bpf.c).
describe('the licence of an object', () => {
  it.each(['GPL', 'GPL v2', 'Dual BSD/GPL', 'Dual MIT/GPL'])('%s goes with the GPL', (license) => {
    expect(isGplCompatible(license)).toBe(true);
  });

  it.each(['', 'gpl', 'GPL-2.0-only', 'GPL\n', 'Apache-2.0', 'Dual GPL/BSD'])('%j does not', (license) => {
    expect(isGplCompatible(license)).toBe(false);
  });

  it('keeps helpers, program types and kernel functions from a program', () => {
    expect(checkLicence(helper('bpf_probe_read_kernel'), '')).toMatchObject({ code: 'helper-gpl-only' });
    expect(checkLicence(helper('bpf_map_lookup_elem'), '')).toBe('met');
    expect(checkLicence({ kind: 'program-type', value: 'lsm', programs: ['p'] }, 'MIT')).toMatchObject({
      code: 'licence-not-gpl',
    });
    expect(checkLicence({ kind: 'program-type', value: 'xdp', programs: ['p'] }, 'MIT')).toBe('met');
    expect(
      checkLicence({ kind: 'kfunc', value: 'bpf_rcu_read_lock', weak: true, programs: ['p'] }, 'MIT'),
    ).toMatchObject({
      code: 'licence-not-gpl',
    });
  });

  it('does not matter where the call is not reached', () => {
    const known = facts({ helpers: { xdp: { bpf_trace_printk: true } }, features: { hit: false } });
    const guarded = variant('guarded', [helper('bpf_trace_printk', { guarded: ['p'] })], {
      license: 'MIT',
      guards: [
        {
          program: 'p',
          values: [{ feature: 'hit' }, 0],
          nodes: [
            { reaches: [], branches: [{ if: { op: 'jne64', args: [0, 1] }, holds: 1 }] },
            { reaches: [0], branches: [] },
          ],
        },
      ],
    });
    expect(judge(guarded, { facts: known }).outcome).toBe('loads');
    const reached = facts({ helpers: { xdp: { bpf_trace_printk: true } }, features: { hit: true } });
    expect(judge(guarded, { facts: reached }).findings).toMatchObject([{ code: 'helper-gpl-only' }]);
  });
});
