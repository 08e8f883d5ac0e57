import { deflateSync } from 'node:zlib';
import { DocumentError, parseBtfIndex } from '@bpfship/media-types';
import { describe, expect, it } from 'vitest';
import { decide, explainSelection, parseKernelFacts } from '../src/index.ts';
import { inflate } from '../src/inflate.ts';
import { facts, index, variant } from './samples.ts';

function refusal(run: () => unknown): DocumentError {
  try {
    run();
  } catch (error) {
    if (error instanceof DocumentError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const indexWith = (requirements: string): string =>
  JSON.stringify(index(variant('v', []))).replace('"requirements":[]', `"requirements":${requirements}`);
const packed = (bytes: Uint8Array, size = bytes.length): { encoding: string; size: number; data: string } => ({
  encoding: 'zlib',
  size,
  data: deflateSync(bytes).toString('base64'),
});

describe('documents that are meant to exhaust their reader', () => {
  it('are not nested deeper than can be followed', () => {
    for (const depth of [100, 1_000_000]) {
      expect(refusal(() => parseBtfIndex(indexWith(`[{"kind":"new","x":${nested(depth)}}]`)))).toMatchObject({
        code: 'ERR_DOCUMENT_INVALID',
        issues: [{ message: expect.stringContaining('levels deep') }],
      });
    }
    expect(() => parseBtfIndex(indexWith(`[{"kind":"new","x":${nested(30)}}]`))).not.toThrow();
  });

  it('do not have more values than can be checked', () => {
    const text = indexWith(`[${Array.from({ length: 1_000_000 }, () => '{}').join(',')}]`);
    expect(refusal(() => parseBtfIndex(text)).code).toBe('ERR_DOCUMENT_TOO_LARGE');
  });

  it('do not ask for more answers than a verdict may hold', () => {
    const requirements = Array.from({ length: 30_000 }, (_, at) => ({ kind: 'kconfig', value: `C${at}`, weak: false }));
    const programs = Array.from({ length: 1000 }, (_, at) => ({ ...variant('v').programs[0], name: `p${at}` }));
    const asking = variant(
      'v',
      requirements.map((each) => ({ ...each, programs: ['p0'] })),
      { programs },
    );
    expect(refusal(() => index(asking)).issues).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('programs times requirements') }),
    );
  });

  it('are explained however many findings there are', () => {
    const requirements = Array.from({ length: 60_000 }, (_, at) => ({
      kind: 'kfunc',
      value: `f${at}`,
      weak: false,
      programs: ['p'],
    }));
    const document = parseBtfIndex(indexWith(JSON.stringify(requirements)));
    const three = { ...document, variants: [0, 1, 2].map((at) => ({ ...document.variants[0], name: `v${at}` })) };
    const selection = decide({ index: three, facts: facts({ kfuncs: {}, btf: { available: false } }) });
    expect(explainSelection(selection).split('\n').length).toBeGreaterThan(3);
  });
});

describe('packed facts', () => {
  const zeros = new Uint8Array(64 * 1024 * 1024);

  it('of 64 MB are read, of more all together not', () => {
    const one = packed(zeros);
    expect(parseKernelFacts(facts({ tracepoints: one })).tracepoints?.size).toBe(zeros.length);
    const modules = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`m${at}`, { btf: one }]));
    const error = refusal(() => parseKernelFacts(facts({ modules })));
    expect(error.issues[0]?.message).toContain('must unpack to at most 67108864 bytes');
  });

  it('cannot say that they are larger than any packing makes them', () => {
    expect(() => inflate(deflateSync(new Uint8Array(10)), 64 * 1024 * 1024)).toThrow(RangeError);
  });

  it('of other sizes than they say are refused', () => {
    const bytes = deflateSync(zeros);
    expect(() => inflate(bytes, zeros.length - 1)).toThrow(RangeError);
    expect(() => inflate(bytes, zeros.length + 1)).toThrow(RangeError);
    expect(Buffer.from(inflate(bytes, zeros.length)).equals(zeros)).toBe(true);
  });

  it('cannot be blocks that hold nothing but codes', () => {
    // A block with own codes, of which one has 15 bits, and which ends at once; again and again.
    const bits: number[] = [];
    const put = (value: number, count: number): void => {
      for (let bit = 0; bit < count; bit++) bits.push((value >> bit) & 1);
    };
    const huffman = (value: number, count: number): void => {
      for (let bit = count - 1; bit >= 0; bit--) bits.push((value >> bit) & 1);
    };
    for (let block = 0; block < 20_000; block++) {
      put(0, 1);
      put(2, 2);
      put(0, 5);
      put(0, 5);
      put(15, 4);
      // Lengths of the codes for lengths, in their order: 18, 15 and 1 have one of 2 bits, or of 1.
      const lengths = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2];
      for (const length of lengths) put(length, 3);
      // 256 zeros, then code 256 of 1 bit, then one distance code of 15 bits.
      huffman(0, 1);
      put(127, 7);
      huffman(0, 1);
      put(107, 7);
      huffman(2, 2);
      huffman(3, 2);
      huffman(0, 1);
    }
    const bytes = new Uint8Array(2 + Math.ceil(bits.length / 8));
    bytes.set([0x78, 0x9c]);
    for (const [at, bit] of bits.entries()) bytes[2 + (at >> 3)] |= bit << (at & 7);
    expect(() => inflate(bytes, 1000)).toThrow(RangeError);
  });
});
