import { DocumentError } from '@bpfship/media-types';
import { describe, expect, it } from 'vitest';
import { kernelFactsBytes, parseKernelFacts } from '../src/index.ts';
import { readVectors } from './vectors.ts';

type Expected = { valid: true } | { valid: false; path: string };

const vectors = readVectors<{ document: string; value: object }, Expected>('document').filter(
  ({ input }) => input.document === 'kernel-facts',
);

describe('kernel facts vectors', () => {
  it.each(vectors)('$id: $description', ({ input, expected }) => {
    if (expected.valid) {
      const facts = parseKernelFacts(input.value);
      expect(facts).toEqual(input.value);
      expect(parseKernelFacts(kernelFactsBytes(facts))).toEqual(facts);
      return;
    }
    try {
      parseKernelFacts(input.value);
    } catch (error) {
      expect(error).toBeInstanceOf(DocumentError);
      expect((error as DocumentError).issues.map(({ path }) => path)).toContain(expected.path);
      return;
    }
    throw new Error('the facts were accepted');
  });

  it('gives the same bytes for the same facts, whatever the order of members', () => {
    const [first] = vectors.filter(({ expected }) => expected.valid);
    const reversed = Object.fromEntries(Object.entries(first.input.value).toReversed());
    expect(kernelFactsBytes(parseKernelFacts(reversed))).toEqual(kernelFactsBytes(parseKernelFacts(first.input.value)));
  });

  it('bounds the tables', () => {
    const base = vectors.find(({ id }) => id === 'facts-minimal')!.input.value;
    const programTypes = Object.fromEntries(Array.from({ length: 65_537 }, (_, i) => [`type${i}`, true]));
    expect(() => parseKernelFacts({ ...base, programTypes })).toThrow(DocumentError);
  });
});
