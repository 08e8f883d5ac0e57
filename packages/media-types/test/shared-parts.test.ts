import { describe, expect, it } from 'vitest';
import { type BtfIndex, canonicalJson, parseBtfIndex, type Requirement, shareParts } from '../src/index.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;

function indexOf(variants: { name: string; requirements: Requirement[]; types?: string }[]): BtfIndex {
  return {
    schemaVersion: 1,
    mediaType: 'application/vnd.ebpf.service.btf-index.v1+json',
    name: 'demo/shared',
    version: '1.0.0',
    variants: variants.map((variant) => ({
      layer: DIGEST,
      platform: { byteOrder: 'little' as const },
      object: { path: 'x.bpf.o', digest: DIGEST, size: 1 },
      license: 'GPL',
      programs: [{ name: 'p', section: 'xdp', type: 'xdp', hook: 'xdp' }],
      maps: [],
      ...variant,
    })),
  };
}

const helper = (value: string): Requirement => ({ kind: 'helper', value, programType: 'xdp', programs: ['p'] });

describe('shared parts', () => {
  const two = indexOf([
    { name: 'one', requirements: [helper('bpf_a'), helper('bpf_b'), helper('bpf_c')], types: 'AAAA' },
    { name: 'two', requirements: [helper('bpf_c'), helper('bpf_d'), helper('bpf_a')], types: 'AAAA' },
  ]);

  it('stand once, and mean what stood twice', () => {
    expect(shareParts(two)).toMatchObject({
      shared: {
        programs: [two.variants[0].programs[0]],
        requirements: [helper('bpf_a'), helper('bpf_c')],
        types: ['AAAA'],
      },
      variants: [
        { programs: [0], requirements: [0, helper('bpf_b'), 1], types: 0 },
        { programs: [0], requirements: [1, helper('bpf_d'), 0], types: 0 },
      ],
    });
    expect(parseBtfIndex(canonicalJson(shareParts(two)))).toEqual(two);
  });

  it('are none where the variants have nothing in common, or where there is one', () => {
    const one = indexOf([{ name: 'one', requirements: [helper('bpf_a'), helper('bpf_a')] }]);
    expect(shareParts(one)).toBe(one);
  });

  it('are bounded as often as they are named', () => {
    const programs = Array.from({ length: 1000 }, (_, at) => `p${at}`);
    const big = { ...helper('bpf_a'), programs };
    const document = { ...two, shared: { requirements: [big] } };
    const [variant] = indexOf([{ name: 'one', requirements: [] }]).variants;
    const naming = (times: number) => ({
      ...document,
      variants: [{ ...variant, requirements: Array.from({ length: times }, () => 0) }],
    });
    expect(parseBtfIndex(naming(400)).variants[0].requirements).toHaveLength(400);
    expect(() => parseBtfIndex(naming(600))).toThrow('named too often');
    const types = 'A'.repeat(2 * 1024 * 1024);
    const texts = { ...naming(0), shared: { types: [types] } };
    const variants = Array.from({ length: 3 }, (_, at) => ({ ...variant, name: `v${at}`, types: 0 }));
    expect(() => parseBtfIndex({ ...texts, variants })).toThrow('named too often');
  });

  it('are looked up as plain positions', () => {
    const { shared, ...rest } = shareParts(two) as { shared: object; variants: object[] };
    for (const broken of [
      { ...shared, requirements: 'bpf_a' },
      {},
      { ...shared, requirements: { 0: helper('bpf_a') } },
    ])
      expect(() => parseBtfIndex({ ...rest, shared: broken })).toThrow(/must be the position of a part in shared\./);
  });
});
