import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlwaysAllowed } from '../src/context/always-allowed.ts';
import {
  BtfBuilder,
  deriveRequirements,
  parseBtf,
  prototypeText,
  readBpfObject,
  type Requirement,
} from '../src/index.ts';
import { compileBytes, openWorkshop, type Workshop } from './support/compile.ts';

let workshop: Workshop;
let requirements: Requirement[];
beforeAll(() => {
  workshop = openWorkshop();
  ({ requirements } = deriveRequirements(readBpfObject(compileBytes(workshop, 'context'))));
});
afterAll(() => workshop.remove());

/** What the requirements of a kind say of a program, as `access-size@offset`. */
function accessesOf(kind: 'context-field' | 'hook-argument', program: string): string[] {
  return requirements.flatMap((requirement) => {
    if (requirement.kind !== kind || !requirement.programs.includes(program)) return [];
    const { access, size, offset, guarded = [] } = requirement;
    return [`${access}-${size}@${offset}${guarded.includes(program) ? ' guarded' : ''}`];
  });
}

describe('accesses to contexts', () => {
  it('that every kernel allows are no requirement', () => {
    expect(accessesOf('context-field', 'common')).toEqual([]);
  });

  it('are found in functions that the pointer is handed to', () => {
    expect(accessesOf('context-field', 'in_function')).toEqual(['read-4@88']);
  });

  it('are found where the pointer was on the stack', () => {
    expect(accessesOf('context-field', 'on_stack')).toEqual(['read-4@176']);
  });

  it('name the attach type where it counts', () => {
    const field = requirements.find(({ kind, ...rest }) => kind === 'context-field' && 'attachType' in rest);
    expect(field).toEqual({
      kind: 'context-field',
      programType: 'xdp',
      attachType: 'xdp_devmap',
      access: 'read',
      offset: 20,
      size: 4,
      programs: ['egress'],
    });
  });

  it('say where a number was added to the pointer itself', () => {
    expect(accessesOf('context-field', 'moved')).toEqual([]);
    expect(accessesOf('context-field', 'moved_either_way')).toEqual([]);
    expect(requirements).toContainEqual({
      kind: 'feature',
      value: 'moved-context-pointer',
      programs: ['moved', 'moved_either_way'],
    });
  });

  it('may be guarded', () => {
    expect(accessesOf('context-field', 'guarded')).toEqual([
      expect.stringMatching(/^write(?:-number)?-4@16 guarded$/) as string,
    ]);
  });

  it('are arguments where the program goes to a function', () => {
    expect(accessesOf('hook-argument', 'returned')).toEqual(['read-8@0', 'read-8@32']);
  });

  it('are left out where the context is what the caller makes of it', () => {
    expect(accessesOf('context-field', 'open')).toEqual([]);
  });

  it('must be aligned to be taken for granted', () => {
    expect(isAlwaysAllowed('sched_cls', { access: 'read', offset: 8, size: 4 })).toBe(true);
    expect(isAlwaysAllowed('sched_cls', { access: 'read', offset: 10, size: 4 })).toBe(false);
    expect(isAlwaysAllowed('sched_cls', { access: 'read', offset: 8, size: 8 })).toBe(false);
    expect(isAlwaysAllowed('sched_cls', { access: 'write', offset: 0, size: 4 })).toBe(false);
    expect(isAlwaysAllowed('no_such_type', { access: 'read', offset: 0, size: 4 })).toBe(false);
  });
});

describe('prototypes as text', () => {
  const builder = new BtfBuilder();
  const int = builder.addInt('int', { size: 4, signed: true });
  const struct = builder.addStruct('task', 4, [{ name: 'pid', type: int, bitOffset: 0 }]);
  const pointer = builder.addPointer(builder.addModifier('const', struct));
  const simple = builder.addPrototype(pointer, [{ type: int }, { type: builder.addPointer(0) }]);
  const callback = builder.addPrototype(0, [{ type: builder.addPointer(simple) }]);
  const loop = builder.nextId;
  builder.addPrototype(0, [{ type: loop + 1 }, { type: loop + 1 }]);
  builder.addPointer(loop);
  const odd = builder.addPrototype(builder.addFloat('double', 8), []);
  const btf = parseBtf(builder.bytes());

  it('say what libbpf compares', () => {
    expect(prototypeText(btf, simple)).toBe('*s(i*v)');
    expect(prototypeText(btf, callback)).toBe('v(**s(i*v))');
  });

  it('are absent where nothing could be the same, and where they have no end', () => {
    expect(prototypeText(btf, odd)).toBeUndefined();
    expect(prototypeText(btf, loop)).toBeUndefined();
  });
});
