import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BpfObjectError,
  BtfBuilder,
  createCoreResolver,
  createDecoder,
  deriveRequirements,
  findSection,
  listStructs,
  parseBtf,
  readBpfObject,
  readElf,
  resolveCoreRelocation,
  sizeOfType,
  skipModifiers,
} from '../src/index.ts';
import { compileBytes, compileStripped, openWorkshop, type Workshop } from './support/compile.ts';
import { randomNumbers } from './support/random-types.ts';

const ITERATIONS = Number(process.env['BPFSHIP_FUZZ_ITERATIONS'] ?? 20_000);
let workshop: Workshop;
let object: Uint8Array;

beforeAll(() => {
  workshop = openWorkshop();
  object = compileBytes(workshop, 'service');
});

afterAll(() => workshop.remove());

function changed(source: Uint8Array, change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = source.slice();
  change(new DataView(bytes.buffer), bytes);
  return bytes;
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'accepted';
  } catch (error) {
    if (error instanceof BpfObjectError) return error.code;
    throw error;
  }
}

/** Offset in the file of a field of the header of the named section. */
function headerField(name: string, field: number): number {
  const index = findSection(readElf(object), name)?.index ?? 0;
  return Number(new DataView(object.buffer, object.byteOffset).getBigUint64(40, true)) + index * 64 + field;
}

describe('crafted ELF files', () => {
  const cases: [name: string, code: string, make: () => Uint8Array][] = [
    ['nothing', 'ERR_ELF_NOT_ELF', () => new Uint8Array(0)],
    ['text', 'ERR_ELF_NOT_ELF', () => new TextEncoder().encode('#include <linux/bpf.h>\n')],
    ['only the magic', 'ERR_ELF_TRUNCATED', () => object.slice(0, 4)],
    ['half of the file', 'ERR_ELF_TRUNCATED', () => object.slice(0, object.length >> 1)],
    ['32 bits', 'ERR_ELF_UNSUPPORTED', () => changed(object, (view) => view.setUint8(4, 1))],
    ['no byte order', 'ERR_ELF_INVALID', () => changed(object, (view) => view.setUint8(5, 3))],
    ['an executable', 'ERR_ELF_UNSUPPORTED', () => changed(object, (view) => view.setUint16(16, 2, true))],
    [
      'names of sections in one that holds none',
      'ERR_ELF_INVALID',
      () => changed(object, (view) => view.setUint16(62, 2, true)),
    ],
    ['another machine', 'ERR_ELF_NOT_BPF', () => changed(object, (view) => view.setUint16(18, 62, true))],
    [
      'sections beyond the end',
      'ERR_ELF_TRUNCATED',
      () => changed(object, (view) => view.setBigUint64(40, 2n ** 40n, true)),
    ],
    [
      'a section offset beyond 2^53',
      'ERR_ELF_TRUNCATED',
      () => changed(object, (view) => view.setBigUint64(40, 2n ** 63n, true)),
    ],
    [
      'a section beyond the end',
      'ERR_ELF_TRUNCATED',
      () => changed(object, (view) => view.setBigUint64(headerField('.BTF', 32), 2n ** 32n, true)),
    ],
    [
      'a count of 2^32 sections',
      'ERR_ELF_TRUNCATED',
      () =>
        changed(object, (view) => {
          view.setUint16(60, 0, true);
          view.setBigUint64(Number(view.getBigUint64(40, true)) + 32, 2n ** 32n, true);
        }),
    ],
    [
      'overlapping sections',
      'ERR_ELF_INVALID',
      () =>
        changed(object, (view) => {
          for (const name of ['.maps', '.rodata', 'license']) {
            view.setBigUint64(headerField(name, 24), 0n, true);
            view.setBigUint64(headerField(name, 32), BigInt(object.length), true);
          }
        }),
    ],
    [
      'a relocation of a missing section',
      'ERR_ELF_INVALID',
      () => changed(object, (view) => view.setUint32(headerField('.rel.BTF', 44), 9999, true)),
    ],
  ];
  for (const [name, code, make] of cases) {
    it(`${name}: ${code}`, () => expect(codeOf(() => readBpfObject(make()))).toBe(code));
  }
});

function base(): Uint8Array {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', { size: 4, signed: true });
  builder.addStruct('pair', 8, [
    { name: 'a', type: int, bitOffset: 0 },
    { name: 'b', type: int, bitOffset: 32 },
  ]);
  return builder.bytes();
}

const nestMany = (): BtfBuilder => {
  const builder = new BtfBuilder();
  let type = builder.addInt('int', { size: 4 });
  for (let level = 0; level < 28; level++) {
    // All members have the same name, so that each could match each.
    type = builder.addStruct(
      `level${level}`,
      4,
      Array.from({ length: 8 }, () => ({ name: 'm', type, bitOffset: 0 })),
    );
  }
  return builder;
};

function nestAnonymous(levels: number): BtfBuilder {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', { size: 4 });
  let type = builder.addStruct('', 4, [{ name: 'other', type: int, bitOffset: 0 }]);
  for (let level = 0; level < levels; level++) {
    type = builder.addStruct(
      '',
      4,
      Array.from({ length: 8 }, () => ({ name: '', type, bitOffset: 0 })),
    );
  }
  builder.addStruct('root', 4, [
    { name: '', type, bitOffset: 0 },
    { name: levels === 0 ? 'wanted' : 'none', type: int, bitOffset: 0 },
  ]);
  return builder;
}

describe('crafted BTF', () => {
  const cases: [name: string, make: () => Uint8Array][] = [
    ['nothing', () => new Uint8Array(0)],
    ['another magic', () => changed(base(), (view) => view.setUint16(0, 0x1234, true))],
    ['another version', () => changed(base(), (view) => view.setUint8(2, 2))],
    ['a header of 2^31 bytes', () => changed(base(), (view) => view.setUint32(4, 0x8000_0000, true))],
    ['types beyond the end', () => changed(base(), (view) => view.setUint32(12, 0xffff_fff0, true))],
    ['strings beyond the end', () => changed(base(), (view) => view.setUint32(20, 0xffff_ffff, true))],
    ['strings without NUL', () => changed(base(), (_, bytes) => bytes.fill(65, bytes.length - 1))],
    ['kind 0', () => changed(base(), (view) => view.setUint32(28, 0, true))],
    ['kind 20', () => changed(base(), (view) => view.setUint32(28, 20 << 24, true))],
    ['16 million members', () => changed(base(), (view) => view.setUint32(24 + 16 + 4, (4 << 24) | 0xff_ffff, true))],
    ['a name outside the strings', () => changed(base(), (view) => view.setUint32(24, 0xffff_ffff, true))],
  ];
  for (const [name, make] of cases) {
    it(`${name}: ERR_BTF_INVALID`, () => expect(codeOf(() => parseBtf(make()))).toBe('ERR_BTF_INVALID'));
  }

  it('a type that stands for itself ends in an error, not in a loop', () => {
    const builder = new BtfBuilder();
    builder.addTypedef('self', 1);
    builder.addPointer(2);
    builder.addArray(3, 0xffff_ffff, 3);
    builder.addStruct('of_nobody', 4, [{ name: 'a', type: 99, bitOffset: 0 }]);
    const btf = parseBtf(builder.bytes());
    expect(codeOf(() => skipModifiers(btf, 1))).toBe('ERR_BTF_INVALID');
    expect([sizeOfType(btf, 1), sizeOfType(btf, 2), sizeOfType(btf, 3)]).toEqual([undefined, 8, undefined]);
    expect(codeOf(() => createDecoder(btf, 4))).toBe('ERR_BTF_INVALID');
    for (const kind of ['field-exists', 'type-exists', 'type-matches', 'type-size', 'enumval-value'] as const) {
      const access = kind.startsWith('type') ? '0' : '0:0';
      expect(resolveCoreRelocation(btf, { kind, typeId: 1, access }, btf).kind).toBe('error');
    }
  });

  it('structs that hold one another many times are compared in bounded time', () => {
    const local = parseBtf(nestMany().bytes());
    // The innermost number is narrower, so that nothing matches and everything is tried.
    const target = parseBtf(changed(nestMany().bytes(), (view) => view.setUint32(24 + 8, 2, true)));
    const typeId = local.require('level27');
    expect(resolveCoreRelocation(local, { kind: 'type-matches', typeId, access: '0' }, target).kind).toBe('error');
  });

  it('anonymous structs that hold one another many times are searched in bounded time', () => {
    const local = parseBtf(nestAnonymous(0).bytes());
    const target = parseBtf(nestAnonymous(40).bytes());
    const relocation = { kind: 'field-exists', typeId: local.require('root'), access: '0:1' } as const;
    expect(resolveCoreRelocation(local, relocation, target)).toMatchObject({
      kind: 'error',
      reason: expect.stringContaining('steps'),
    });
  });

  it('a hundred thousand types of one name are not all looked at', () => {
    const builder = new BtfBuilder();
    for (let count = 0; count < 100_000; count++) builder.addStruct('s', 4, []);
    const local = new BtfBuilder();
    const int = local.addInt('int', { size: 4 });
    local.addStruct('s', 4, [{ name: 'a', type: int, bitOffset: 0 }]);
    const relocation = { kind: 'field-exists', typeId: 2, access: '0:0' } as const;
    const outcome = resolveCoreRelocation(parseBtf(local.bytes()), relocation, parseBtf(builder.bytes()));
    expect(outcome).toMatchObject({ kind: 'error', reason: '100000 types are named s' });
  });

  it('access strings are bounded', () => {
    const btf = parseBtf(base());
    for (const access of [
      '',
      ':',
      '0:',
      'a',
      '0:-1',
      '0:2',
      '9999999999',
      '0'.repeat(5000),
      Array(65).fill('0').join(':'),
    ]) {
      expect(resolveCoreRelocation(btf, { kind: 'field-exists', typeId: 2, access }, btf).kind).toBe('error');
    }
  });
});

const FULL_EVENT = new Uint8Array(4096).fill(0x5a);

/** Reads everything that can be read of the bytes. */
function readAll(bytes: Uint8Array): void {
  const read = readBpfObject(bytes);
  deriveRequirements(read);
  const { btf } = read;
  if (btf === undefined) return;
  const resolver = createCoreResolver(btf, btf);
  for (const record of read.btfExt?.relocations ?? []) resolver.resolve(record);
  for (const { id, size } of listStructs(btf).slice(0, 8)) {
    if (size > 4096) continue;
    codeOf(() => createDecoder(btf, id)(FULL_EVENT));
  }
}

describe('mutated objects', () => {
  it(`${ITERATIONS} mutations end in an answer or a typed error`, () => {
    const random = randomNumbers(20261123);
    const outcomes = new Map<string, number>();
    const sources = [compileStripped(workshop, 'service'), compileStripped(workshop, 'direct-access')];
    const places = sources.map((source) => interestingRanges(source));
    for (let iteration = 0; iteration < ITERATIONS; iteration++) {
      const which = iteration % sources.length;
      const bytes = mutate(sources[which] ?? object, places[which] ?? [], random);
      const code = codeOf(() => readAll(bytes));
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    }
    // The mutations reach past the first checks.
    expect(outcomes.get('accepted')).toBeGreaterThan(ITERATIONS / 100);
    expect(outcomes.size).toBeGreaterThan(6);
  }, 300_000);
});

type Range = [start: number, length: number];

/** Parts of the file that are read: everything but debug data. */
function interestingRanges(source: Uint8Array): Range[] {
  const elf = readElf(source);
  const ranges = elf.sections
    .filter(({ name, data }) => data.length > 0 && !name.startsWith('.debug') && !name.startsWith('.rel.debug'))
    .map(({ offset, data }): Range => [offset, data.length]);
  const headers = Number(new DataView(source.buffer, source.byteOffset).getBigUint64(40, true));
  return [...ranges, [0, 64], [headers, elf.sections.length * 64]];
}

function mutate(source: Uint8Array, ranges: readonly Range[], random: (limit: number) => number): Uint8Array {
  const bytes = source.slice();
  for (let change = 1 + random(3); change > 0; change--) {
    const [start, length] = ranges[random(ranges.length)] ?? [0, 1];
    const at = start + random(length);
    const kind = random(4);
    if (kind === 0) bytes[at] = random(256);
    else if (kind === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    else if (kind === 2) bytes.fill([0, 0xff, 0x7f, 0x80][random(4)] ?? 0, at, at + 1 + random(8));
    else bytes.copyWithin(at, start + random(length), start + random(length));
  }
  return random(20) === 0 ? bytes.slice(0, random(bytes.length)) : bytes;
}

describe('the running kernel as a target', () => {
  it('takes nonsense from a local BTF without harm', () => {
    const kernel = parseBtf(new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux')));
    const local = new BtfBuilder();
    local.addStruct('task_struct', 8, [{ name: 'pid', type: 3, bitOffset: 0 }]);
    const relocation = { kind: 'field-byte-offset', typeId: 1, access: '0:0' } as const;
    expect(resolveCoreRelocation(parseBtf(local.bytes()), relocation, kernel)).toMatchObject({ kind: 'error' });
  });
});
