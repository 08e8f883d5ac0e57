import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BtfBuilder,
  describeType,
  enumValues,
  helperName,
  listStructs,
  parseBtf,
  sizeOfType,
  typeName,
  type Btf,
} from '../src/index.ts';
import { openWorkshop, type Workshop } from './support/compile.ts';

let workshop: Workshop;
let kernel: Btf;

beforeAll(() => {
  workshop = openWorkshop();
  kernel = parseBtf(new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux')));
});

afterAll(() => workshop.remove());

describe('the running kernel', () => {
  it('has the types that bpftool sees, at the same ids', () => {
    const raw = execFileSync('bpftool', ['btf', 'dump', 'file', '/sys/kernel/btf/vmlinux', 'format', 'raw'], {
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    });
    let count = 0;
    for (const [, id, kind, name] of raw.matchAll(/^\[(\d+)\] (\w+) '([^']*)'/gm)) {
      count += 1;
      const expected = `${kind?.toLowerCase()} ${name === '(anon)' ? '' : name}`;
      if (`${kernel.kindOf(Number(id))} ${kernel.nameOf(Number(id))}` !== expected) {
        expect(`${id} ${kernel.kindOf(Number(id))} ${kernel.nameOf(Number(id))}`).toBe(`${id} ${expected}`);
      }
    }
    expect(count).toBe(kernel.typeCount - 1);
  });

  it('decodes every type, and finds every named one again', () => {
    let named = 0;
    for (let id = 1; id < kernel.typeCount; id++) {
      const type = kernel.type(id);
      if (type.name === '' || id % 7 !== 0) continue;
      named += 1;
      if (!kernel.typesNamed(type.name, type.kind).includes(id))
        expect(kernel.typesNamed(type.name, type.kind)).toContain(id);
    }
    expect(named).toBeGreaterThan(5000);
  });

  it('answers look-ups', () => {
    const id = kernel.require('task_struct', 'struct');
    expect(typeName(kernel, id)).toBe('struct task_struct');
    expect(sizeOfType(kernel, id)).toBeGreaterThan(1000);
    expect(describeType(kernel, id).find(({ name }) => name === 'comm')).toMatchObject({ type: 'char[16]', size: 16 });
    expect(kernel.typesNamed('no_such_type')).toEqual([]);
    expect(kernel.pointerSize).toBe(8);
    expect(() => kernel.require('no_such_type')).toThrow(expect.objectContaining({ code: 'ERR_BTF_TYPE_NOT_FOUND' }));
  });

  it('numbers helpers as our list does', () => {
    for (const { name, value } of enumValues(kernel, 'bpf_func_id')) {
      if (!name.startsWith('BPF_FUNC_')) continue;
      expect(helperName(Number(value))).toBe(name.replace('BPF_FUNC_', 'bpf_'));
    }
  });
});

/** One type of every kind. */
function everyKind(littleEndian: boolean): { bytes: Uint8Array; names: string[] } {
  const builder = new BtfBuilder({ littleEndian });
  const int = builder.addInt('int', { size: 4, signed: true });
  const pointer = builder.addPointer(int);
  builder.addArray(int, 3, int);
  builder.addStruct('point', 16, [
    { name: 'x', type: int, bitOffset: 0, bitSize: 3 },
    { name: 'y', type: int, bitOffset: 3, bitSize: 29 },
    { name: 'p', type: pointer, bitOffset: 64 },
  ]);
  builder.addUnion('either', 8, [
    { name: 'i', type: int, bitOffset: 0 },
    { name: 'p', type: pointer, bitOffset: 0 },
  ]);
  builder.addEnum('color', [
    ['RED', 0],
    ['BLUE', -1],
  ]);
  builder.addForward('later', 'union');
  builder.addTypedef('number', int);
  builder.addModifier('volatile', int);
  builder.addModifier('const', int);
  builder.addModifier('restrict', pointer);
  const prototype = builder.nextId + 1;
  builder.addFunction('main', prototype);
  builder.addPrototype(int, [{ name: 'argc', type: int }]);
  const variable = builder.addVariable('counter', int);
  builder.addDataSection('.data', 4, [{ type: variable, offset: 0, size: 4 }]);
  builder.addFloat('double', 8);
  builder.addDeclarationTag('tagged', 4, 1);
  builder.addTypeTag('user', int);
  builder.addEnum64('wide', [
    ['BIG', 0xffff_ffff_ffffn],
    ['HUGE', 0xffff_ffff_ffff_fff0n],
  ]);
  const names =
    'int ptr array struct union enum fwd typedef volatile const restrict func func_proto var datasec float decl_tag type_tag enum64';
  return { bytes: builder.bytes(), names: names.split(' ') };
}

describe('written BTF', () => {
  for (const littleEndian of [true, false]) {
    it(`reads back every kind, ${littleEndian ? 'little' : 'big'}-endian`, () => {
      const { bytes, names } = everyKind(littleEndian);
      const btf = parseBtf(bytes);
      expect(Array.from({ length: btf.typeCount - 1 }, (_, index) => btf.kindOf(index + 1))).toEqual(names);
      expect(btf.type(4)).toMatchObject({
        size: 16,
        members: [
          { name: 'x', bitOffset: 0, bitSize: 3 },
          { name: 'y', bitOffset: 3, bitSize: 29 },
          { name: 'p', bitOffset: 64, bitSize: 0 },
        ],
      });
      expect(btf.type(6)).toMatchObject({
        signed: true,
        values: [
          { name: 'RED', value: 0 },
          { name: 'BLUE', value: -1 },
        ],
      });
      expect(btf.type(7)).toMatchObject({ of: 'union' });
      expect(btf.type(12)).toMatchObject({ linkage: 'global', type: 13 });
      expect(btf.type(17)).toMatchObject({ type: 4, component: 1 });
      expect(btf.type(19)).toMatchObject({ values: [{ value: 0xffff_ffff_ffff }, { value: 0xffff_ffff_ffff_fff0n }] });
      expect(listStructs(btf)).toEqual([{ id: 4, name: 'point', size: 16 }]);
    });
  }

  it('is what bpftool reads', () => {
    const path = join(workshop.folder, 'kinds.btf');
    writeFileSync(path, everyKind(true).bytes);
    const raw = execFileSync('bpftool', ['btf', 'dump', 'file', path, 'format', 'raw'], { encoding: 'utf8' });
    expect([...raw.matchAll(/^\[\d+\] (\w+)/gm)].map(([, kind]) => kind?.toLowerCase())).toEqual(everyKind(true).names);
  });
});

describe('split BTF', () => {
  it('continues the ids and strings of its base', () => {
    const base = new BtfBuilder();
    base.addInt('int', { size: 4, signed: true });
    base.addStruct('shared', 4, [{ name: 'x', type: 1, bitOffset: 0 }]);
    const baseBtf = parseBtf(base.bytes());
    // One typedef, of the base's struct, whose name lies in the strings of its own.
    const own = new TextEncoder().encode('mine\0');
    const bytes = new Uint8Array(24 + 24 + own.length);
    const view = new DataView(bytes.buffer);
    const words = [0x0001_eb9f, 24, 0, 24, 24, own.length, baseBtf.stringsLength, 8 << 24, 2, 1, 8 << 24, 2];
    words.forEach((word, index) => view.setUint32(index * 4, word, true));
    bytes.set(own, 48);
    const btf = parseBtf(bytes, { base: baseBtf });
    expect(btf.typeCount).toBe(5);
    expect(btf.typesNamed('mine')).toEqual([3]);
    expect(btf.type(3)).toMatchObject({ kind: 'typedef', name: 'mine', type: 2 });
    // This one's name is the base's `int`.
    expect(btf.type(4)).toMatchObject({ kind: 'typedef', name: 'int' });
    expect(btf.typesNamed('int')).toEqual([1, 4]);
    expect(btf.typesNamed('shared')).toEqual([2]);
  });
});

describe('kinds from the future', () => {
  it('are skipped where the layout table says how long they are', () => {
    const layout = 20 * 4 + 4;
    const bytes = new Uint8Array(32 + 20 + 16 + 1 + layout);
    const view = new DataView(bytes.buffer);
    // Kind 20: 12 common bytes, 4 fixed, 2 per element; then an int.
    const words = [0x0001_eb9f, 32, 0, 36, 36, 1, 37, layout, 0, (20 << 24) | 2, 0, 7, 7, 0, 1 << 24, 4, 32];
    words.forEach((word, index) => view.setUint32(index * 4, word, true));
    bytes[32 + 37 + 80] = 4;
    bytes[32 + 37 + 81] = 2;
    const btf = parseBtf(bytes);
    expect([btf.kindOf(1), btf.kindOf(2)]).toEqual(['unknown', 'int']);
  });
});
