import { deflateSync } from 'node:zlib';
import { BtfBuilder, parseBtf } from '@bpfship/bpf-object';
import type { CoreRelocationKind, Requirement, Variant } from '@bpfship/media-types';
import { describe, expect, it } from 'vitest';
import { createKernelTypesCache, decide, type KernelFacts, type Packed, type Verdict } from '../src/index.ts';
import { facts, index, variant } from './samples.ts';

const pack = (bytes: Uint8Array): Packed => ({
  encoding: 'zlib',
  size: bytes.length,
  data: deflateSync(bytes).toString('base64'),
});
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** BTF with `in_image` (16 bytes), or upon it a struct and a function of a module. */
function types(module?: { struct: string; at: number }, func = 'of_module'): Uint8Array {
  const builder = new BtfBuilder(module ? { base: parseBtf(image) } : {});
  const long = builder.addInt('unsigned long', { size: 8 });
  const at = module?.at ?? 64;
  builder.addStruct(module?.struct ?? 'in_image', at / 8 + 8, [{ name: 'field', type: long, bitOffset: at }]);
  if (module) builder.addFunction(func, builder.addPrototype(0, []));
  return builder.bytes();
}

const image: Uint8Array = types();
const ours = types({ struct: 'in_module', at: 128 });

/** The program's own view: type 2 is in the image, type 3 in a module, type 4 in the image with a field that only a module's has. */
function localTypes(): string {
  const builder = new BtfBuilder();
  const long = builder.addInt('unsigned long', { size: 8 });
  for (const [name, field] of [
    ['in_image', 'field'],
    ['in_module', 'field'],
    ['in_image___new', 'other'],
  ] as const)
    builder.addStruct(name, 8, [{ name: field, type: long, bitOffset: 0 }]);
  return base64(builder.bytes());
}

const relocation = (type: number, kind: CoreRelocationKind = 'field-byte-offset', guarded = false): Requirement => ({
  kind: 'core-relocation',
  relocation: kind,
  type: `struct ${['', '', 'in_image', 'in_module', 'in_image___new'][type]}`,
  access: 'field',
  spec: [type, '0:0'],
  programs: ['p'],
  ...(guarded ? { guarded: ['p'] } : {}),
});
const IN_MODULE = relocation(3);

const withBtf = (modules?: KernelFacts['modules'], more: Partial<KernelFacts> = {}): KernelFacts =>
  facts({ btf: { available: true, data: base64(image) }, ...(modules ? { modules } : {}), ...more });

function judge(
  requirements: Requirement[],
  read: KernelFacts,
  more: Partial<Omit<Parameters<typeof decide>[0], 'index' | 'facts'>> = {},
  extra: Partial<Variant> = {},
): Verdict {
  const { verdicts } = decide({
    index: index(variant('one', requirements, { types: localTypes(), ...extra })),
    facts: read,
    ...more,
  });
  return verdicts[0];
}

const mine = () => [{ name: 'mine', btf: () => ours }];
const codes = ({ findings }: Verdict): string[] => findings.map(({ code }) => code);

describe('relocations of types that a loaded module has', () => {
  it('resolve from facts that carry its BTF', () => {
    expect(judge([IN_MODULE], withBtf({ mine: { btf: pack(ours) } })).outcome).toBe('loads');
    expect(codes(judge([IN_MODULE], withBtf({ other: { btf: pack(types({ struct: 'x', at: 0 })) } })))).toEqual([
      'relocation-poison',
    ]);
  });

  it('resolve on the node, where modules are read only when the image has no such type', () => {
    const asked: string[] = [];
    const modules = () => [{ name: 'mine', btf: () => (asked.push('mine'), ours) }];
    const own = facts();
    expect(judge([relocation(2)], own, { btf: image, modules }).outcome).toBe('loads');
    expect(asked).toEqual([]);
    expect(judge([IN_MODULE, IN_MODULE], own, { btf: image, modules }).outcome).toBe('loads');
    expect(asked).toEqual(['mine']);
  });

  it('are uncertain where a module is named whose BTF was not read', () => {
    for (const unread of [{}, { digest: `sha256:${'1'.repeat(64)}` }, { btf: { ...pack(ours), encoding: 'later' } }]) {
      expect(codes(judge([IN_MODULE], withBtf({ mine: unread })))).toEqual(['module-btf-unread']);
      expect(judge([relocation(2)], withBtf({ mine: unread })).outcome).toBe('loads');
    }
    // One module that was read has it: what another one has hardly matters.
    expect(judge([IN_MODULE], withBtf({ mine: { btf: pack(ours) }, other: {} })).outcome).toBe('loads');
  });

  it('are missing where no module is named', () => {
    expect(codes(judge([IN_MODULE], withBtf()))).toEqual(['relocation-poison']);
    expect(codes(judge([IN_MODULE], withBtf({})))).toEqual(['relocation-poison']);
  });

  it('are not looked for in modules where the image has a type of the name', () => {
    const builder = new BtfBuilder({ base: parseBtf(image) });
    builder.addStruct('in_image', 8, [{ name: 'other', type: 1, bitOffset: 0 }]);
    expect(codes(judge([relocation(4)], withBtf({ mine: { btf: pack(builder.bytes()) } })))).toEqual([
      'relocation-poison',
    ]);
    expect(codes(judge([relocation(4)], withBtf({ mine: {} })))).toEqual(['relocation-poison']);
  });

  it('are not looked for in modules beside a supplement', () => {
    const without = facts({ btf: { available: false }, modules: { mine: {} } });
    const beside = { btf: image, modules: mine };
    expect(codes(judge([IN_MODULE], without, beside))).toEqual(['relocation-poison']);
  });

  it('stop the loader where two modules disagree', () => {
    const other = types({ struct: 'in_module', at: 192 });
    const both = withBtf({ a: { btf: pack(ours) }, b: { btf: pack(other) } });
    expect(codes(judge([IN_MODULE], both))).toEqual(['relocation-error']);
  });

  it('answer guards: what exists only if an unread module has it is not known', () => {
    const requirements = [relocation(3, 'field-exists'), relocation(3, 'field-byte-offset', true)];
    const guards = [
      {
        program: 'p',
        values: [{ relocation: 0 }, '0'],
        nodes: [
          { reaches: [], branches: [{ if: { op: 'jne64', args: [0, 1] }, holds: 1 }] },
          { reaches: [1], branches: [] },
        ],
      },
    ] as unknown as NonNullable<Variant['guards']>;
    const verdict = (modules?: KernelFacts['modules']): Verdict =>
      judge(requirements, withBtf(modules), {}, { guards });
    expect(verdict().outcome).toBe('loads');
    expect(verdict({ mine: { btf: pack(ours) } }).outcome).toBe('loads');
    expect(codes(verdict({ mine: {} }))).toEqual(['guard-unknown']);
  });
});

describe('functions that a loaded module has', () => {
  const kfunc: Requirement = { kind: 'kfunc', value: 'of_module', weak: false, programs: ['p'] };
  const fentry: Requirement = { kind: 'attach-target', hook: 'fentry', value: 'of_module', programs: ['p'] };

  it('are known by its BTF, not known without it, and missing where no module is named', () => {
    for (const requirement of [kfunc, fentry]) {
      expect(judge([requirement], withBtf({ mine: { btf: pack(ours) } })).outcome).toBe('loads');
      expect(judge([requirement], withBtf({ mine: {} })).outcome).toBe('uncertain');
      expect(judge([requirement], withBtf()).outcome).toBe('refused');
    }
  });
});

describe('createKernelTypesCache', () => {
  it('tells nodes with different modules apart, and reads modules by digest where it can', () => {
    const digest = `sha256:${'1'.repeat(64)}`;
    const read = [0, 0];
    const cache = createKernelTypesCache({
      read: () => (read[0]++, image),
      readModule: (wanted) => (read[1]++, wanted === digest ? ours : undefined),
    });
    const on = (modules: KernelFacts['modules']): Verdict =>
      judge([IN_MODULE], facts(), { btf: cache.get('image', modules) });
    for (let round = 0; round < 2; round++) {
      expect(codes(on(undefined))).toEqual(['relocation-poison']);
      expect(on({ mine: { digest } }).outcome).toBe('loads');
      expect(on({ mine: { btf: pack(ours) } }).outcome).toBe('loads');
      expect(codes(on({ mine: {} }))).toEqual(['module-btf-unread']);
    }
    expect(read).toEqual([1, 1]);
  });
});
