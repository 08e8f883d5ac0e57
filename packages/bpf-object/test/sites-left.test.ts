import { expect, it } from 'vitest';
import type { Site } from '../src/guards/exploration.ts';
import { enterFunction } from '../src/guards/machine-state.ts';
import { OpenNodes } from '../src/guards/open-nodes.ts';
import { ProgramImage } from '../src/guards/program-image.ts';
import { keyOfSite, ProgramSites } from '../src/guards/program-sites.ts';
import { SitesLeft } from '../src/guards/sites-left.ts';
import type { BpfFunction, BpfObject } from '../src/object/bpf-object.ts';
import type { Instruction } from '../src/object/instruction.ts';

const instruction = (code: number, rest: Partial<Instruction> = {}): Instruction => {
  return { code, destination: 0, source: 0, offset: 0, immediate: 0, ...rest };
};
const EXIT = instruction(0x95);
const helper = (immediate: number): Instruction => instruction(0x85, { immediate });
const site = (number: number): Site => ({ kind: 'helper', number });

/** An object that is its functions' instructions; the second function is called by the first at `callAt`. */
function leftOf(functions: Instruction[][], callAt?: number): SitesLeft {
  const entries = functions.map((instructions, index) => ({
    instructions,
    relocations: [],
    references: new Map(
      index === 0 && callAt !== undefined ? [[callAt, { kind: 'call', function: 'f', index: 1 }]] : [],
    ),
    offset: 0,
    section: 'kprobe',
  }));
  const object = {
    functions: entries as unknown as BpfFunction[],
    maps: [],
    littleEndian: true,
  } as unknown as BpfObject;
  const image = new ProgramImage(object);
  return new SitesLeft(image, new ProgramSites(image, undefined), [...functions.keys()]);
}

const at = (place: number) => ({ ...enterFunction(0, []), at: place });

it('a place from which a site can be come to is left until the site is settled', () => {
  // if r0 == 0 goto exit; call 5; exit
  const left = leftOf([[instruction(0x15, { offset: 1 }), helper(5), EXIT]]);
  expect([0, 1, 2].map((place) => left.isNothingAfter(at(place)))).toEqual([false, false, true]);
  left.settle(keyOfSite(site(5)));
  expect([0, 1, 2].map((place) => left.isNothingAfter(at(place)))).toEqual([true, true, true]);
});

it('what a function of the program holds is left where it is called', () => {
  const left = leftOf(
    [
      [instruction(0xb7), instruction(0x85, { source: 1 }), EXIT],
      [helper(6), EXIT],
    ],
    1,
  );
  expect([0, 1, 2].map((place) => left.isNothingAfter(at(place)))).toEqual([false, false, true]);
});

it('inside a function, what its caller does after it is left too', () => {
  const left = leftOf([[instruction(0x85, { source: 1 }), helper(6), EXIT], [EXIT]], 0);
  const state = at(0);
  state.frames.push(...enterFunction(1, []).frames.map((frame) => ({ ...frame, caller: { at: 1, saved: [] } })));
  expect(left.isNothingAfter(state)).toBe(false);
  left.keepOnly(new Set());
  expect(left.isNothingAfter(state)).toBe(true);
});

it('beyond a jump by a register anything may be left', () => {
  const left = leftOf([[instruction(0x8d), EXIT]]);
  expect(left.isNothingAfter(at(0))).toBe(false);
});

it('nodes at new places go first, and those that every kernel comes to before others', () => {
  const open = new OpenNodes();
  open.add(1, { fresh: false, certain: false });
  open.add(2, { fresh: true, certain: false });
  open.add(3, { fresh: true, certain: true });
  open.add(4, { fresh: false, certain: false });
  open.prefer(1);
  expect(Array.from({ length: 5 }, () => open.take())).toEqual([3, 2, 1, 4, undefined]);
});
