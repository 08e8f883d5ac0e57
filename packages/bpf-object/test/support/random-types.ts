import { BtfBuilder, type Btf } from '../../src/index.ts';

/** A repeatable source of numbers (mulberry32). */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

type Random = (limit: number) => number;

/** A type by description; `of` are indexes of other descriptions, -1 = void. By-value parts have lower indexes, so sizes end. */
export type TypeSketch =
  | { kind: 'int'; name: string; size: number; encoding: number }
  | { kind: 'float'; name: string; size: number }
  | { kind: 'enum' | 'enum64'; name: string; size: number; values: [string, number][] }
  | { kind: 'fwd'; name: string; of: 'struct' | 'union' }
  | { kind: 'ptr' | 'const' | 'volatile'; of: number }
  | { kind: 'typedef'; name: string; of: number }
  | { kind: 'array'; of: number; length: number }
  | { kind: 'func_proto'; of: number; parameters: number[] }
  | { kind: 'struct' | 'union'; name: string; members: { name: string; of: number; bits: number }[] };

const FIELDS = ['a', 'b', 'c', 'd', ''];
const VALUES = ['ONE', 'TWO', 'ONE___x', 'THREE', 'TWO___y'];

function pick<T>(random: Random, list: readonly T[]): T {
  const item = list[random(list.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

function sketchComposite(random: Random, name: string, below: number): TypeSketch {
  const members = Array.from({ length: 1 + random(4) }, () => {
    const bits = random(5) === 0 ? 1 + random(8) : 0;
    return { name: pick(random, FIELDS), of: bits > 0 ? random(4) : random(below), bits };
  });
  return { kind: random(4) === 0 ? 'union' : 'struct', name, members };
}

function sketchDerived(random: Random, below: number): TypeSketch {
  switch (random(6)) {
    case 0:
      return { kind: 'ptr', of: random(below + 6) - 1 };
    case 1:
      return { kind: 'array', of: random(below), length: random(4) };
    case 2:
      return { kind: 'typedef', name: pick(random, ['t1', 't2', 't1___f']), of: random(below) };
    case 3:
      return { kind: pick(random, ['const', 'volatile'] as const), of: random(below) };
    case 4:
      return {
        kind: 'func_proto',
        of: random(below),
        parameters: Array.from({ length: random(3) }, () => random(below)),
      };
    default:
      return { kind: 'ptr', of: random(below) };
  }
}

function sketchEnum(random: Random, name: string): TypeSketch {
  const kind = pick(random, ['enum', 'enum', 'enum64'] as const);
  const values = Array.from({ length: 1 + random(3) }, (): [string, number] => [pick(random, VALUES), random(9) - 3]);
  return { kind, name, size: kind === 'enum' ? 4 : 8, values };
}

/** Some types: numbers first, then what is built from them. */
export function sketchTypes(random: Random): TypeSketch[] {
  const types: TypeSketch[] = [
    { kind: 'int', name: 'int', size: 4, encoding: 1 },
    { kind: 'int', name: 'unsigned int', size: 4, encoding: 0 },
    { kind: 'int', name: 'unsigned char', size: 1, encoding: 0 },
    { kind: 'int', name: 'unsigned long', size: 8, encoding: 0 },
    { kind: 'int', name: 'short', size: 2, encoding: 1 },
    { kind: 'float', name: 'double', size: 8 },
    { kind: 'fwd', name: pick(random, ['s1', 's2', 'nothing']), of: pick(random, ['struct', 'union'] as const) },
    sketchEnum(random, pick(random, ['e1', 'e2', ''])),
    sketchEnum(random, pick(random, ['e1', 'e1___x'])),
  ];
  for (let round = 0; round < 14; round++) {
    const composite = random(2) === 0;
    const name = pick(random, ['s1', 's1___v2', 's2', 's3___a', '']);
    types.push(composite ? sketchComposite(random, name, types.length) : sketchDerived(random, types.length));
  }
  return types;
}

/** The same types as another kernel might have them. */
export function varyTypes(random: Random, types: readonly TypeSketch[]): TypeSketch[] {
  const copy = structuredClone(types) as TypeSketch[];
  for (let change = random(6); change > 0; change--) varyOne(random, copy);
  // A second struct of the same name, as incomplete deduplication leaves them.
  const double = copy.findLast((type) => type.kind === 'struct' && type.name !== '');
  if (double !== undefined && random(3) === 0) {
    copy.push(structuredClone(double));
    if (random(2) === 0) varyComposite(random, copy.at(-1) as TypeSketch, copy.length - 1);
  }
  return copy;
}

function varyOne(random: Random, types: TypeSketch[]): void {
  const index = random(types.length);
  const type = types[index];
  if (type === undefined) return;
  if (type.kind === 'int') type.size = pick(random, [1, 2, 4, 8]);
  else if (type.kind === 'enum' || type.kind === 'enum64') Object.assign(type, sketchEnum(random, type.name));
  else if (type.kind === 'array') type.length = random(5);
  else if (type.kind === 'ptr') type.of = random(types.length);
  else if (type.kind === 'fwd') type.of = type.of === 'struct' ? 'union' : 'struct';
  else varyComposite(random, type, index);
}

function varyComposite(random: Random, type: TypeSketch, below: number): void {
  if (type.kind !== 'struct' && type.kind !== 'union') return;
  const member = pick(random, type.members);
  switch (random(4)) {
    case 0:
      type.members.unshift({ name: pick(random, FIELDS), of: random(below), bits: 0 });
      return;
    case 1:
      if (member.bits === 0) member.of = random(below);
      return;
    case 2:
      member.name = pick(random, FIELDS);
      return;
    default:
      member.bits = member.of < 4 ? 1 + random(8) : 0;
  }
}

/** Writes the sketched types as BTF: description 0 becomes type 1, or the first one after those of `base`. Fields follow one another without padding. */
export function writeTypes(types: readonly TypeSketch[], base?: Btf): Uint8Array {
  const builder = new BtfBuilder(base === undefined ? {} : { base });
  const first = base?.typeCount ?? 1;
  // -1 is void, also where others come before.
  const id = (index: number): number => (index < 0 ? 0 : first + Math.min(index, types.length - 1));
  const sizes: number[] = [];
  for (const type of types) sizes.push(writeOne(builder, type, id, sizes));
  return builder.bytes();
}

function writeOne(
  builder: BtfBuilder,
  type: TypeSketch,
  id: (index: number) => number,
  sizes: readonly number[],
): number {
  switch (type.kind) {
    case 'int':
      builder.addInt(type.name, { size: type.size, encoding: type.encoding });
      return type.size;
    case 'float':
      builder.addFloat(type.name, type.size);
      return type.size;
    case 'enum':
      builder.addEnum(type.name, type.values, { size: type.size });
      return type.size;
    case 'enum64':
      builder.addEnum64(
        type.name,
        type.values.map(([name, value]) => [name, BigInt(value)] as const),
        { size: type.size },
      );
      return type.size;
    case 'fwd':
      builder.addForward(type.name, type.of);
      return 0;
    case 'ptr':
      builder.addPointer(id(type.of));
      return 8;
    case 'const':
    case 'volatile':
      builder.addModifier(type.kind, id(type.of));
      return sizes[type.of] ?? 0;
    case 'typedef':
      builder.addTypedef(type.name, id(type.of));
      return sizes[type.of] ?? 0;
    case 'array':
      builder.addArray(id(type.of), type.length, id(0));
      return (sizes[type.of] ?? 0) * type.length;
    case 'func_proto':
      builder.addPrototype(
        id(type.of),
        type.parameters.map((parameter) => ({ type: id(parameter) })),
      );
      return 0;
    default:
      return writeComposite(builder, type, id, sizes);
  }
}

function writeComposite(
  builder: BtfBuilder,
  type: Extract<TypeSketch, { kind: 'struct' | 'union' }>,
  id: (index: number) => number,
  sizes: readonly number[],
): number {
  let bits = 0;
  let widest = 0;
  const members = type.members.map((member) => {
    const width = member.bits > 0 ? member.bits : (sizes[member.of] ?? 0) * 8;
    if (member.bits === 0) bits = Math.ceil(bits / 8) * 8;
    const bitOffset = type.kind === 'union' ? 0 : bits;
    bits += width;
    widest = Math.max(widest, width);
    return { name: member.name, type: id(member.of), bitOffset, bitSize: member.bits };
  });
  const size = Math.ceil((type.kind === 'union' ? widest : bits) / 8);
  if (type.kind === 'union') builder.addUnion(type.name, size, members);
  else builder.addStruct(type.name, size, members);
  return size;
}
