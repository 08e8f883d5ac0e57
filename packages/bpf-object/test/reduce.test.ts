import { describe, expect, it } from 'vitest';
import type { RawNode } from '../src/guards/exploration.ts';
import { reduceGraph } from '../src/guards/reduce.ts';
import type { Expression } from '../src/guards/value.ts';

function constant(value: bigint): Expression {
  return { key: String(value), size: 1, kind: 'constant', value };
}

/** A chain of decisions over one value; whichever fails leads to one of the ends, which hold a site each. */
function chain(length: number, ends: readonly number[]): RawNode[] {
  const [a, b] = [constant(1n), constant(2n)];
  const nodes = Array.from({ length }, (_, i): RawNode => {
    return {
      sites: [],
      next: [],
      branch: { op: 'jeq64', args: [a, b], holds: i + 1, fails: length + (i % ends.length) },
    };
  });
  return [...nodes, ...ends.map((site): RawNode => ({ sites: [site], next: [] }))];
}

describe('a graph of decisions', () => {
  it('has one node for all that cannot be told apart', () => {
    // Three decisions, and one end in place of three; then two.
    expect(reduceGraph({ nodes: chain(3, [7, 7, 7]), sites: [], approximate: false })).toHaveLength(4);
    expect(reduceGraph({ nodes: chain(3, [7, 8, 7]), sites: [], approximate: false })).toHaveLength(5);
  });

  it('is reduced in the measure of its size, however long its ways are', () => {
    // In the measure of its square ten of them would take minutes, and the test would be ended.
    for (let round = 0; round < 10; round++) {
      expect(reduceGraph({ nodes: chain(4000, [1, 2, 3, 1]), sites: [], approximate: false })).toHaveLength(4003);
    }
  });
});
