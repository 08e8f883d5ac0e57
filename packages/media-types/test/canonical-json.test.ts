import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { canonicalJson, canonicalJsonBytes } from '../src/index.ts';
import { readVectors } from './vectors.ts';

type Expected = { valid: true; text: string; digest: string } | { valid: false };

describe('canonical JSON', () => {
  it.each(readVectors<{ value: unknown }, Expected>('canonical-json'))('$id: $description', ({ input, expected }) => {
    if (!expected.valid) {
      expect(() => canonicalJson(input.value)).toThrow(TypeError);
      return;
    }
    expect(canonicalJson(input.value)).toBe(expected.text);
    const digest = createHash('sha256').update(canonicalJsonBytes(input.value)).digest('hex');
    expect(`sha256:${digest}`).toBe(expected.digest);
    expect(JSON.parse(expected.text)).toEqual(JSON.parse(JSON.stringify(input.value)));
  });

  it('leaves out members without a value', () => {
    expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}');
  });

  it.each([Number.NaN, Infinity, 1.5, 2 ** 53, 10n, undefined, () => 1, Symbol('x'), [undefined]])(
    'refuses %s, which JSON or the standard cannot hold',
    (value) => {
      expect(() => canonicalJson(value)).toThrow(TypeError);
    },
  );
});
