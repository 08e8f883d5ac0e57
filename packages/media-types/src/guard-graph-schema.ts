import { z } from 'zod';
import type { GuardBranch, GuardGraph, GuardNode, GuardOperand } from './guard-graph.ts';
import { MAX_GUARD_NODES } from './limits.ts';
import { CName, U32, Word } from './primitives.ts';

/** RFC 9669's comparisons with their width. */
const Comparison = z
  .string()
  .regex(/^j(eq|ne|gt|ge|lt|le|set|sgt|sge|slt|sle)(32|64)$/, 'must be a comparison such as jeq64');
/** RFC 9669's arithmetic with its width; `sext`, `zext` and `swap` with the bits that they take. */
const Operation = z
  .string()
  .regex(
    /^(add|sub|mul|s?div|or|and|lsh|rsh|arsh|neg|s?mod|xor|mov)(32|64)$|^(sext|zext|swap)(8|16|32|64)$/,
    'must be an operation such as and64',
  );

const Bytes = z.literal([1, 2, 4, 8]);
const NumberText = z.string().regex(/^\d{1,20}$/, 'must be an unsigned number');
const Unsigned = z.union([z.number().int().min(0), NumberText]);

const Leaf = z.union([
  Unsigned,
  z.strictObject({ relocation: U32 }),
  z.strictObject({ symbol: CName, type: z.enum(['function', 'variable']).exactOptional() }),
  z.strictObject({
    kconfig: CName,
    type: z.enum(['bool', 'char', 'tristate', 'int', 'string']),
    size: z.number().int().min(0).max(65_536),
    offset: z.number().int().min(0).max(65_535),
    bytes: Bytes,
  }),
  z.strictObject({ parameter: CName, offset: U32, bytes: Bytes, default: Unsigned }),
  z.strictObject({ feature: Word }),
]);

const Position = z
  .number()
  .int()
  .min(0)
  .max(MAX_GUARD_NODES - 1);

const Operand = z.union([Leaf, z.strictObject({ op: Operation, args: z.array(Position).min(1).max(2) })]);

const BranchSchema = z.strictObject({
  if: z.strictObject({ op: Comparison, args: z.tuple([Position, Position]) }),
  holds: Position.exactOptional(),
  fails: Position.exactOptional(),
});

/** Schema of one program's guard graph (spec/guards.md). */
export const GuardGraphSchema: z.ZodType<GuardGraph> = z
  .looseObject({
    program: CName,
    values: z.array(Operand).max(MAX_GUARD_NODES),
    nodes: z
      .array(
        z.strictObject({ reaches: z.array(U32).max(65_536), branches: z.array(BranchSchema).max(MAX_GUARD_NODES) }),
      )
      .min(1)
      .max(MAX_GUARD_NODES),
    approximate: z.literal(true).exactOptional(),
  })
  .refine(({ values }) => values.every((value, at) => argumentsOf(value).every((position) => position < at)), {
    path: ['values'],
    error: 'must be calculated from earlier values',
  })
  .refine(
    ({ values, nodes }) => branchesOf(nodes).every((branch) => branch.if.args.every((at) => at < values.length)),
    {
      path: ['nodes'],
      error: 'must compare values of the same graph',
    },
  )
  .refine(({ nodes }) => branchesOf(nodes).every((branch) => leadsInside(branch, nodes.length)), {
    path: ['nodes'],
    error: 'must lead from node to node of the same graph',
  });

function branchesOf(nodes: readonly GuardNode[]): GuardBranch[] {
  return nodes.flatMap(({ branches }) => branches);
}

function argumentsOf(value: GuardOperand): readonly number[] {
  return typeof value === 'object' && 'args' in value ? value.args : [];
}

function leadsInside({ holds = 0, fails = 0 }: GuardBranch, nodes: number): boolean {
  return holds < nodes && fails < nodes;
}
