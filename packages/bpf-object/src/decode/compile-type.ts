import type { Btf } from '../btf/btf.ts';
import type { BtfArray, BtfEnum, BtfInt, BtfType } from '../btf/btf-type.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import { typeName } from '../btf/type-name.ts';
import { compileStruct } from './compile-struct.ts';
import type { Formatting } from './formatting.ts';
import { enumNames, notDecodable, type Compilation, type Read, type Reader } from './event.ts';
import { integerReader } from './read-number.ts';
import { textReader } from './read-text.ts';

const MAX_DEPTH = 32;
/** Values in one event; a hostile type could otherwise ask for any number of them from a few bytes. */
const MAX_COST = 1_000_000;

/** Starts a compilation. */
export function startCompilation(btf: Btf, formatting: Formatting): Compilation {
  const compilation: Compilation = {
    btf,
    done: new Map(),
    formatting,
    compile: (type, depth, path) => compileOne(compilation, type, { depth, path }),
  };
  return compilation;
}

function compileOne(compilation: Compilation, id: number, { depth, path }: { depth: number; path: string }): Reader {
  const { btf, done, formatting } = compilation;
  const type = skipModifiers(btf, id);
  // Where a field in it has a format of its own, the type reads differently there.
  const isShared = !formatting.hasBelow(path);
  const known = isShared ? done.get(type.id) : undefined;
  if (known !== undefined) return known;
  if (depth > MAX_DEPTH) throw notDecodable(`${typeName(btf, id)} (nested too deeply)`);
  const reader = compileKind(compilation, type, { depth, path });
  if (reader.cost > MAX_COST) throw notDecodable(`${typeName(btf, id)} (${reader.cost} values)`);
  if (isShared) done.set(type.id, reader);
  return reader;
}

function compileKind(
  compilation: Compilation,
  type: BtfType,
  { depth, path }: { depth: number; path: string },
): Reader {
  const { btf } = compilation;
  switch (type.kind) {
    case 'int':
      return compileInt(btf, type);
    case 'enum':
    case 'enum64':
      return compileEnum(btf, type);
    case 'ptr':
      return compilePointer(btf);
    case 'float':
      return compileFloat(btf, type.name, type.size);
    case 'array':
      return compileArray(compilation, type, { depth, path });
    case 'struct':
    case 'union':
      return compileStruct(compilation, type, depth, path);
    default:
      throw notDecodable(typeName(btf, type.id));
  }
}

function compileInt(btf: Btf, type: BtfInt): Reader {
  const read = integerReader(type.size, type.signed, btf.littleEndian);
  if (read === undefined) throw notDecodable(`${type.name} (${type.size} bytes)`);
  return { read: type.isBool ? (event, at) => read(event, at) !== 0 : read, size: type.size, cost: 1 };
}

function compileEnum(btf: Btf, type: BtfEnum): Reader {
  const read = integerReader(type.size, type.signed, btf.littleEndian);
  if (read === undefined) throw notDecodable(`enum ${type.name} (${type.size} bytes)`);
  const names = enumNames(type);
  const named: Read = (event, at) => {
    const value = read(event, at) as number | bigint;
    return names.get(value) ?? value;
  };
  return { read: named, size: type.size, cost: 1 };
}

function compilePointer(btf: Btf): Reader {
  const { littleEndian, pointerSize } = btf;
  const read: Read =
    pointerSize === 4
      ? ({ view }, at) => `0x${view.getUint32(at, littleEndian).toString(16)}`
      : ({ view }, at) => `0x${view.getBigUint64(at, littleEndian).toString(16)}`;
  return { read, size: pointerSize, cost: 1 };
}

function compileFloat({ littleEndian }: Btf, name: string, size: number): Reader {
  if (size === 4) return { read: ({ view }, at) => view.getFloat32(at, littleEndian), size, cost: 1 };
  if (size === 8) return { read: ({ view }, at) => view.getFloat64(at, littleEndian), size, cost: 1 };
  throw notDecodable(`${name} (a float of ${size} bytes)`);
}

/** `char` is what C means for text; `unsigned char` and `__u8` are numbers. */
function isText(type: BtfType): boolean {
  return type.kind === 'int' && type.size === 1 && (type.isChar || type.name === 'char');
}

function compileArray(
  { btf, compile }: Compilation,
  type: BtfArray,
  { depth, path }: { depth: number; path: string },
): Reader {
  const { length } = type;
  if (isText(skipModifiers(btf, type.elementType))) {
    return { read: textReader(length), size: length, cost: 1, readShort: textReader(Infinity) };
  }
  const element = compile(type.elementType, depth + 1, path);
  // An array of nothing gives nothing, however long it says it is.
  const count = element.size === 0 ? 0 : length;
  const readMany = (event: Parameters<Read>[0], at: number, many: number): unknown[] =>
    Array.from({ length: many }, (_, index) => element.read(event, at + index * element.size));
  return {
    read: (event, at) => readMany(event, at, count),
    size: count * element.size,
    cost: count * element.cost + 1,
    // A flexible array takes all that is left; one that was cut short, all whole elements.
    readShort: (event, at) => {
      const there = element.size === 0 ? 0 : Math.floor((event.end - at) / element.size);
      return readMany(event, at, Math.max(0, length === 0 ? Math.min(there, MAX_COST) : Math.min(there, length)));
    },
  };
}
