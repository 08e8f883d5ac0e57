import { expect, it } from 'vitest';
import type { Exploration, RawNode } from '../src/guards/exploration.ts';
import { reachedAlways } from '../src/guards/reached-always.ts';

const site = (number: number) => ({ kind: 'helper', number }) as const;
const exploration = (sites: Exploration['sites'], nodes: RawNode[], approximate = false): Exploration => {
  return { sites, nodes, approximate };
};

it('a part of the paths is enough where it comes to all that the joined ones come to', () => {
  const joined = exploration([site(6), site(5)], [{ sites: [0, 1], next: [] }], true);
  const first = { sites: [0], next: [1] };
  const all = exploration([site(5), site(6)], [first, { sites: [1], next: [] }]);
  expect(reachedAlways(all, joined)).toMatchObject({ nodes: [{ sites: [0, 1], next: [] }], approximate: false });
  expect(reachedAlways(exploration([site(5)], [first]), joined)).toBeUndefined();
});
