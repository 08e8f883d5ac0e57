import { describe, expect, it } from 'vitest';
import { BpfObjectError, BtfBuilder, deriveRequirements, readBpfObject } from '../src/index.ts';
import {
  code,
  CODE,
  craftElf,
  GLOBAL_EXTERN,
  GLOBAL_FUNCTION,
  GLOBAL_OBJECT,
  type CraftedRelocation,
  type CraftedSection,
  type CraftedSymbol,
} from './support/craft-elf.ts';

type Slot = readonly [number, number, number, number];
const RETURN_0: readonly Slot[] = [
  [0xb7, 0, 0, 0],
  [0x95, 0, 0, 0],
];
const CALL: Slot = [0x85, 0x10, 0, -1];
const EXIT: Slot = [0x95, 0, 0, 0];
const PROGRAM: CraftedSection = { name: 'xdp', flags: CODE, data: code(RETURN_0) };
const SYMBOL: CraftedSymbol = { name: 'prog', info: GLOBAL_FUNCTION, section: 1, size: 16n };

function types(add: (builder: BtfBuilder, int: number) => void): CraftedSection {
  const builder = new BtfBuilder();
  add(builder, builder.addInt('int', { size: 4, signed: true }));
  return { name: '.BTF', data: builder.bytes() };
}

/** A struct as bpf_helpers.h makes it of `__uint(type, 2)`, with further fields. */
function mapStruct(builder: BtfBuilder, int: number, fields: readonly { name: string; type: number }[] = []): number {
  const two = builder.addPointer(builder.addArray(int, 2, int));
  return builder.addStruct(
    'map',
    8 + 8 * fields.length,
    [{ name: 'type', type: two }, ...fields].map((field, index) => ({ ...field, bitOffset: 64 * index })),
  );
}

function withMap(
  make: (builder: BtfBuilder, int: number) => number,
  linkage: 'global' | 'static' = 'global',
): Uint8Array {
  return craftElf(
    [
      types((builder, int) => {
        const variable = builder.addVariable('m', make(builder, int), linkage);
        builder.addDataSection('.maps', 0, [{ type: variable, offset: 0, size: 8 }]);
      }),
      { name: '.maps', data: new Uint8Array(8) },
    ],
    [{ name: 'm', info: GLOBAL_OBJECT, section: 2, size: 8n }],
  );
}

/** `.BTF.ext` with one part of relocations, of these words. */
function ext(...words: number[]): Uint8Array {
  const bytes = new Uint8Array(32 + words.length * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0001eb9f, true);
  for (const [index, word] of [32, 0, 0, 0, 0, 0, words.length * 4, ...words].entries())
    view.setUint32(4 + index * 4, word, true);
  return bytes;
}

function refusal(bytes: Uint8Array): Pick<BpfObjectError, 'code' | 'section' | 'offset' | 'rule'> {
  try {
    deriveRequirements(readBpfObject(bytes));
  } catch (error) {
    if (error instanceof BpfObjectError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const relocation = (changes: Partial<CraftedRelocation>): CraftedRelocation => ({
  section: 1,
  offset: 0n,
  type: 10,
  symbol: 0,
  ...changes,
});

const btfWith = (add: (builder: BtfBuilder, int: number) => void): Uint8Array =>
  craftElf([PROGRAM, types(add)], [SYMBOL]);

const withExt = (...words: number[]): Uint8Array => {
  const btf = types((builder, int) => builder.addStruct('xdp', 4, [{ name: '0:0', type: int, bitOffset: 0 }]));
  return craftElf([PROGRAM, btf, { name: '.BTF.ext', data: ext(...words) }], [SYMBOL]);
};

describe('every rejection names code, section, offset and rule', () => {
  const cases: [name: string, code: string, section: string, bytes: () => Uint8Array][] = [
    [
      'a section of 4 GB',
      'ERR_ELF_TRUNCATED',
      'the ELF file',
      () => craftElf([{ ...PROGRAM, size: 2n ** 32n }], [SYMBOL]),
    ],
    [
      'a section of 2^64 bytes',
      'ERR_ELF_TRUNCATED',
      'the ELF file',
      () => craftElf([{ ...PROGRAM, size: 2n ** 64n - 1n }], [SYMBOL]),
    ],
    [
      'two symbol tables',
      'ERR_ELF_INVALID',
      'the ELF file',
      () => craftElf([PROGRAM, { name: '.more', type: 2, link: 3 }], [SYMBOL]),
    ],
    [
      'a symbol in a section that is not there',
      'ERR_ELF_INVALID',
      'the symbol table',
      () => craftElf([PROGRAM], [{ ...SYMBOL, section: 99 }]),
    ],
    ['two sections of types', 'ERR_ELF_INVALID', '.BTF', () => craftElf([types(() => 0), types(() => 0)])],
    ['types that are no data', 'ERR_ELF_INVALID', '.BTF', () => craftElf([{ ...types(() => 0), type: 7 }])],
    [
      'a program that crosses the end of its section',
      'ERR_PROGRAM_INVALID',
      'xdp',
      () => craftElf([PROGRAM], [{ ...SYMBOL, size: 24n }]),
    ],
    [
      'a program of 2^53 bytes',
      'ERR_PROGRAM_INVALID',
      'xdp',
      () => craftElf([PROGRAM], [{ ...SYMBOL, size: 2n ** 53n - 8n }]),
    ],
    [
      'programs on top of one another',
      'ERR_PROGRAM_INVALID',
      'xdp',
      () => craftElf([PROGRAM], [SYMBOL, { ...SYMBOL, name: 'other', value: 8n, size: 8n }]),
    ],
    ['half an instruction', 'ERR_PROGRAM_INVALID', 'xdp', () => craftElf([PROGRAM], [{ ...SYMBOL, size: 12n }])],
    [
      'a relocation outside of its section',
      'ERR_ELF_INVALID',
      '.relxdp',
      () => craftElf([PROGRAM], [SYMBOL], [relocation({ offset: 16n })]),
    ],
    [
      'a relocation by a symbol that is not there',
      'ERR_ELF_INVALID',
      '.relxdp',
      () => craftElf([PROGRAM], [SYMBOL], [relocation({ symbol: 77 })]),
    ],
    [
      'a relocation of an instruction that takes none',
      'ERR_RELOCATION_INVALID',
      'xdp',
      () => craftElf([PROGRAM], [SYMBOL], [relocation({})]),
    ],
    [
      'a call out of the section',
      'ERR_RELOCATION_INVALID',
      'xdp',
      () => craftElf([{ ...PROGRAM, data: code([[0x85, 0x10, 0, 99], EXIT]) }], [SYMBOL]),
    ],
    [
      'an extern without types',
      'ERR_EXTERN_INVALID',
      'the symbol table',
      () => craftElf([PROGRAM], [SYMBOL, { name: 'x', info: GLOBAL_EXTERN, section: 0 }]),
    ],
    ['a map without types', 'ERR_BTF_MISSING', '.maps', () => craftElf([{ name: '.maps', data: new Uint8Array(8) }])],
    ['a map that is a number', 'ERR_MAP_INVALID', '.maps', () => withMap((_, int) => int)],
    ['a map without a type', 'ERR_MAP_INVALID', '.maps', () => withMap((builder) => builder.addStruct('m', 8, []))],
    ['a static map', 'ERR_MAP_INVALID', '.maps', () => withMap((builder, int) => mapStruct(builder, int), 'static')],
    [
      'a map whose definition is a circle',
      'ERR_BTF_INVALID',
      'the BTF types',
      () => withMap((builder) => builder.addTypedef('self', builder.nextId)),
    ],
    [
      'a key of arrays whose sizes overflow',
      'ERR_MAP_INVALID',
      '.maps',
      () =>
        withMap((builder, int) => {
          let key = int;
          for (let depth = 0; depth < 8; depth++) key = builder.addArray(key, 0xffff_ffff, int);
          return mapStruct(builder, int, [{ name: 'key', type: builder.addPointer(key) }]);
        }),
    ],
    [
      'a map in a map in a map',
      'ERR_MAP_INVALID',
      '.maps',
      () =>
        withMap((builder, int) => {
          const self = builder.nextId + 4;
          const values = builder.addArray(builder.addPointer(self), 0, int);
          return mapStruct(builder, int, [{ name: 'values', type: values }]);
        }),
    ],
    [
      'two maps of one name',
      'ERR_MAP_INVALID',
      '.maps',
      () =>
        craftElf(
          [
            types((builder, int) => {
              const struct = mapStruct(builder, int);
              const variables = [0, 1].map(() => ({ type: builder.addVariable('m', struct), offset: 0, size: 8 }));
              builder.addDataSection('.maps', 0, variables);
            }),
            { name: '.maps', data: new Uint8Array(16) },
          ],
          [{ name: 'm', info: GLOBAL_OBJECT, section: 2, size: 8n }],
        ),
    ],
    [
      'a map beyond the end of its section',
      'ERR_MAP_INVALID',
      '.maps',
      () =>
        craftElf(
          [
            types((builder, int) => {
              const variable = builder.addVariable('m', mapStruct(builder, int));
              builder.addDataSection('.maps', 0, [{ type: variable, offset: 0, size: 8 }]);
            }),
            { name: '.maps', data: new Uint8Array(8) },
          ],
          [{ name: 'm', info: GLOBAL_OBJECT, section: 2, value: 4096n, size: 8n }],
        ),
    ],
    [
      'a map without a symbol',
      'ERR_BTF_INVALID',
      'the BTF types',
      () =>
        craftElf([
          types((builder, int) => {
            const variable = builder.addVariable('m', mapStruct(builder, int));
            builder.addDataSection('.maps', 0, [{ type: variable, offset: 0, size: 8 }]);
          }),
          { name: '.maps', data: new Uint8Array(8) },
        ]),
    ],
    ['legacy maps', 'ERR_MAPS_LEGACY', 'maps', () => craftElf([{ name: 'maps', data: new Uint8Array(20) }])],
    [
      'a pointer to a type that is not there',
      'ERR_BTF_INVALID',
      'the BTF types',
      () => btfWith((builder) => builder.addPointer(1000)),
    ],
    [
      'a member of a type that is not there',
      'ERR_BTF_INVALID',
      'the BTF types',
      () => btfWith((builder) => builder.addStruct('s', 4, [{ name: 'a', type: 1000, bitOffset: 0 }])),
    ],
    [
      'a function whose type is a number',
      'ERR_BTF_INVALID',
      'the BTF types',
      () => btfWith((builder, int) => builder.addFunction('f', int)),
    ],
    ['records of 8 bytes', 'ERR_BTF_EXT_INVALID', '.BTF.ext', () => withExt(8, 5, 1, 0, 0)],
    ['more records than there are', 'ERR_BTF_EXT_INVALID', '.BTF.ext', () => withExt(16, 5, 0xffff_ffff, 0, 0, 0, 0)],
    ['no records', 'ERR_BTF_EXT_INVALID', '.BTF.ext', () => withExt(16)],
    ['a section of no records', 'ERR_BTF_EXT_INVALID', '.BTF.ext', () => withExt(16, 5, 0, 0, 0, 0, 0)],
    ['a relocation of an unknown kind', 'ERR_BTF_EXT_INVALID', '.BTF.ext', () => withExt(16, 5, 1, 0, 2, 5, 999)],
    [
      'a section name outside of the strings',
      'ERR_BTF_INVALID',
      'the BTF strings',
      () => withExt(16, 9999, 1, 0, 2, 5, 0),
    ],
  ];
  for (const [name, expected, section, make] of cases) {
    it(`${name}: ${expected} in ${section}`, () => {
      const { code: found, section: where, offset, rule } = refusal(make());
      expect({ code: found, section: where }).toEqual({ code: expected, section });
      expect(offset).toBeGreaterThanOrEqual(0);
      expect(rule).toMatch(/\w/);
    });
  }
});

const MANY = 40_000;
const range = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));

function accepted(bytes: Uint8Array): ReturnType<typeof deriveRequirements> {
  return deriveRequirements(readBpfObject(bytes));
}

/** Work that grew with the square of the size, or worse, would take minutes here. */
describe('large objects take time and memory in the measure of their size', () => {
  it('sections that repeat', () => {
    const sections = range(65_000, (): CraftedSection => ({ name: '.maps', type: 8 }));
    expect(refusal(craftElf(sections)).code).toBe('ERR_ELF_INVALID');
  });

  it('65,000 sections', () => {
    const sections = range(65_400, (index): CraftedSection => ({ name: `.data.${index}`, data: new Uint8Array(1) }));
    expect(readBpfObject(craftElf(sections)).maps).toHaveLength(65_400);
  });

  it('externs, all of one name, and all of names that begin alike', () => {
    for (const nameOf of [(): string => 'same', (index: number): string => `common_prefix_${index}`]) {
      const section = types((builder, int) => {
        range(MANY, (index) => builder.addStruct(nameOf(index), 4, []));
        const variables = range(MANY, (index) => builder.addVariable(nameOf(index), int, 'extern'));
        builder.addDataSection(
          '.ksyms',
          0,
          variables.map((type) => ({ type, offset: 0, size: 4 })),
        );
      });
      const symbols = range(MANY, (index): CraftedSymbol => ({ name: nameOf(index), info: GLOBAL_EXTERN, section: 0 }));
      expect(accepted(craftElf([section], symbols)).requirements.length).toBeGreaterThanOrEqual(0);
    }
  });

  it('structs of struct_ops beside and on top of one another', () => {
    for (const [distance, size] of [
      [8, 8],
      [0, 8 * MANY],
    ] as const) {
      const btf = types((builder, int) => {
        const struct = builder.addStruct('ops', size, [{ name: 'a', type: int, bitOffset: 0 }]);
        const variables = range(MANY, (index) => builder.addVariable(`v${index}`, struct));
        builder.addDataSection(
          '.struct_ops',
          0,
          variables.map((type) => ({ type, offset: 0, size: 8 })),
        );
      });
      const symbols = range(MANY, (index): CraftedSymbol => ({
        name: `v${index}`,
        info: GLOBAL_OBJECT,
        section: 3,
        value: BigInt(index * distance),
      }));
      const bytes = craftElf(
        [{ ...PROGRAM, name: 'struct_ops/f' }, btf, { name: '.struct_ops', data: new Uint8Array(8 * MANY) }],
        [SYMBOL, ...symbols],
        range(MANY, (index) => ({ section: 3, offset: BigInt(8 * index), type: 2, symbol: 0 })),
      );
      if (distance === 0) expect(refusal(bytes)).toMatchObject({ code: 'ERR_MAP_INVALID', section: '.struct_ops' });
      else expect(accepted(bytes).requirements.length).toBeGreaterThan(0);
    }
  });

  it('names that are pieces of one long string', () => {
    const bytes = withMap((builder, int) => {
      builder.addVariable('x'.repeat(2040), int);
      return builder.addStruct(
        'm',
        8,
        range(100_000, () => ({ name: 'y', type: int, bitOffset: 0 })),
      );
    });
    const long = Buffer.from(bytes).indexOf('x'.repeat(2040));
    const magic = Buffer.from(bytes).indexOf(Buffer.from([0x9f, 0xeb, 1]));
    const view = new DataView(bytes.buffer);
    const strings = magic + 24 + view.getUint32(magic + 16, true);
    const struct = magic + 24 + 16 + 16;
    for (let member = 0; member < 100_000; member++) {
      view.setUint32(struct + 12 + 12 * member, long - strings + (member % 32), true);
    }
    expect(refusal(bytes)).toMatchObject({ code: 'ERR_BTF_INVALID', section: 'the BTF types', offset: 32 });
  });

  it('thousands of programs that all call one large function', () => {
    const text = code([...range(200_000, (): Slot => [0xb7, 0, 0, 0]), EXIT]);
    const programs = code(range(10_000, (): Slot[] => [CALL, EXIT]).flat());
    const symbols = range(10_000, (index): CraftedSymbol => ({
      ...SYMBOL,
      name: `p${index}`,
      value: BigInt(16 * index),
    }));
    const bytes = craftElf(
      [
        { ...PROGRAM, data: programs },
        { name: '.text', flags: CODE, data: text },
      ],
      [...symbols, { name: 'big', info: GLOBAL_FUNCTION, section: 2, size: BigInt(text.length) }],
      range(10_000, (index) => relocation({ offset: BigInt(16 * index), symbol: 10_000 })),
    );
    expect(refusal(bytes)).toMatchObject({ code: 'ERR_PROGRAM_INVALID', section: 'xdp' });
  });
});
