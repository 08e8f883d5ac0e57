import type { BpfObject } from '../object/bpf-object.ts';
import { kconfigTypeOf } from './kconfig-type.ts';
import type { GuardBranch, GuardGraph, GuardNode, GuardOperand, GuardValue } from './guard-graph.ts';
import type { Site } from './exploration.ts';
import type { ProgramGuards } from './program-guards.ts';
import type { Expression, Variable } from './value.ts';

/** Where a site's or a relocation's requirement stands in the list; undefined for one that is no requirement. */
export type PositionOf = (site: Site) => number | undefined;

/** Writes a program's graph as the index carries it. */
export function writeGuardGraph(
  object: BpfObject,
  program: string,
  guards: ProgramGuards,
  positionOf: PositionOf,
): GuardGraph {
  const values = new ValueTable(object, positionOf);
  const nodes = guards.nodes.map(({ sites, branches }, index): GuardNode => {
    // What the start reaches counts on every kernel; its requirements say so by themselves.
    const named = index === 0 && !guards.approximate ? [] : sites;
    const positions = named.map((site) => positionOf(guards.sites[site] as Site));
    const reaches = [...new Set(positions.filter((position) => position !== undefined))].sort((a, b) => a - b);
    return {
      reaches,
      branches: branches.map((branch): GuardBranch => {
        const [a, b] = branch.args;
        return {
          if: { op: branch.op, args: [values.position(a), values.position(b)] },
          ...(branch.holds === undefined ? {} : { holds: branch.holds }),
          ...(branch.fails === undefined ? {} : { fails: branch.fails }),
        };
      }),
    };
  });
  return { program, values: values.list, nodes, ...(guards.approximate ? { approximate: true } : {}) };
}

/** Values in the order in which they are first needed; equal ones once. */
class ValueTable {
  readonly list: GuardOperand[] = [];
  readonly #object: BpfObject;
  readonly #positionOf: PositionOf;
  readonly #byKey: Map<string, number> = new Map();

  constructor(object: BpfObject, positionOf: PositionOf) {
    this.#object = object;
    this.#positionOf = positionOf;
  }

  /** Position of the expression's value; its parts come before it. */
  position(expression: Expression): number {
    const operand = this.#operand(expression);
    // Several places of a program may ask the same.
    const key = JSON.stringify(operand);
    const known = this.#byKey.get(key) ?? this.list.push(operand) - 1;
    this.#byKey.set(key, known);
    return known;
  }

  #operand(expression: Expression): GuardOperand {
    switch (expression.kind) {
      case 'constant':
        return writeNumber(expression.value);
      case 'variable':
        return writeVariable(this.#object, expression.variable, this.#positionOf);
      default:
        return { op: expression.op, args: expression.args.map((part) => this.position(part)) };
    }
  }
}

function writeNumber(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
}

function writeVariable(object: BpfObject, value: Variable, positionOf: PositionOf): GuardValue {
  switch (value.kind) {
    case 'relocation': {
      const relocation = positionOf(value);
      // Every relocation that is no mere local type id is a requirement.
      if (relocation === undefined) throw new RangeError('a relocation in a guard has no requirement');
      return { relocation };
    }
    case 'symbol':
      return { symbol: value.name, ...(value.type === 'none' ? {} : { type: value.type }) };
    case 'kconfig': {
      const { name: kconfig, offset, bytes } = value;
      return { kconfig, ...kconfigTypeOf(object, kconfig), offset, bytes };
    }
    case 'parameter': {
      const { name: parameter, offset, bytes, initial } = value;
      return { parameter, offset, bytes, default: writeNumber(initial) };
    }
    default:
      return { feature: value.name };
  }
}
