import { describe, expect, it } from 'vitest';
import { judge } from '../src/index.ts';
import { facts, variant } from './samples.ts';

describe('a target that is given later', () => {
  it('is never known, whatever the facts say', () => {
    const later = variant('later', [{ kind: 'feature', value: 'target-given-later', programs: ['p'] }]);
    const verdict = judge(later, { facts: facts({ features: { 'target-given-later': true } }) });
    expect(verdict).toMatchObject({ outcome: 'uncertain', findings: [{ code: 'target-unknown' }] });
  });
});
