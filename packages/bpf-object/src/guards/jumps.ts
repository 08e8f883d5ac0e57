import {
  CLASS,
  CODE_CALL,
  CODE_EXIT,
  CODE_JUMP,
  CODE_LONG_JUMP,
  CODE_MAY_JUMP,
  jumpTarget,
  type Instruction,
} from '../object/instruction.ts';
import { enterCall, returnFrom } from './calls.ts';
import { casesOfOperands, type Place } from './execute.ts';
import type { RawNode } from './exploration.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { copyState, readRegister, type MachineState } from './machine-state.ts';
import { comparisonName, splitName } from './operations.ts';
import { decideRange, decideRanges, lowBits, lowSigned, mirror, onlyNumber, S32_MAX, U32_MAX } from './range.ts';
import { hasMovedLinks, refineState, withoutMovedLinks, type Taken } from './refine-values.ts';
import { known, ranged, type Value } from './value.ts';

/** Both ways of a comparison. */
interface Sides {
  /** Name of the comparison without its width. */
  name: string;
  width: number;
  taken: MachineState;
  fallen: MachineState;
  /** The number stood on the left, where only newer verifiers decide by ranges. */
  isMirrored?: boolean;
}

/** An indirect jump, or one that this version does not know. */
export class UnsupportedJump extends Error {
  override readonly name = 'UnsupportedJump';
}

/** Whether execution goes on in the same state. */
export function jump(
  graph: GraphBuilder,
  state: MachineState,
  instruction: Instruction,
  place: Place,
  node: RawNode,
): boolean {
  const { code } = instruction;
  if (code === CODE_EXIT) return returnFrom(graph, state, node);
  if (code === CODE_CALL) return enterCall(graph, state, instruction, place, node);
  const target = jumpTarget(instruction, state.at);
  if (target === undefined) {
    // An indirect jump, or one that this version does not know.
    throw new UnsupportedJump();
  }
  if (code === CODE_JUMP || code === CODE_LONG_JUMP) {
    state.at = target;
    return true;
  }
  const [taken, fallen] = [copyState(state), state];
  taken.at = target;
  fallen.at++;
  const [then, otherwise] = [(): number => graph.intern(taken), (): number => graph.intern(fallen)];
  const op = code === CODE_MAY_JUMP ? undefined : comparisonName(code, (code & 7) === CLASS.jmp ? 64 : 32);
  if (op === undefined) {
    node.next.push(then(), otherwise());
    return false;
  }
  const a = readRegister(state, instruction.destination);
  const b =
    (code & 8) === 0
      ? known(BigInt.asUintN(64, BigInt(instruction.immediate)))
      : readRegister(state, instruction.source);
  if (splitOperands(graph, state, instruction, node)) return false;
  const { name, width } = splitName(op);
  const sides = { name, width, taken, fallen };
  if (b.kind === 'known' && compareUnknown(graph, node, instruction.destination, a, b.value, sides)) return false;
  const mirrored = { ...sides, name: mirror(name), isMirrored: true };
  if (a.kind === 'known' && compareUnknown(graph, node, instruction.source, b, a.value, mirrored)) return false;
  if (compareRanges(graph, node, a, b, sides)) return false;
  graph.decide(node, op, a, b, then, otherwise);
  return false;
}

/** Where a number of the kernel with few values meets a number that is not known: one state for each of its values. */
export function splitOperands(
  graph: GraphBuilder,
  state: MachineState,
  instruction: Instruction,
  node: RawNode,
): boolean {
  const cases = casesOfOperands(state, instruction, graph.image);
  if (cases === undefined) return false;
  graph.split(node, cases);
  return true;
}

/** A comparison of a number of which only a range is known, or of a pointer that may be null. Whether it was one. */
function compareUnknown(
  graph: GraphBuilder,
  node: RawNode,
  register: number,
  value: Value,
  number: bigint,
  sides: Sides,
): boolean {
  const { name, width, taken, fallen, isMirrored = false } = sides;
  if (value.kind !== 'unknown' && value.kind !== 'nullable') return false;
  if (width === 32 && value.kind === 'nullable') return false;
  const range = value.kind === 'unknown' ? value.range : undefined;
  const isSigned = name.startsWith('js') && name !== 'jset';
  const compared = width === 32 ? lowHalfOf(number, isSigned) : number;
  const isLong = width === 32 && range !== undefined && range.umax > (isSigned ? S32_MAX : U32_MAX);
  const seen = range && isLong ? (isSigned ? lowSigned(range) : lowBits(range, 32)) : range;
  const decision = seen && decideRange(name, seen, compared);
  const way = { register, name, number: compared, lowHalf: isLong };
  const open = (target: RawNode): void => {
    target.next.push(refine(graph, taken, { ...way, taken: true }, value));
    target.next.push(refine(graph, fallen, { ...way, taken: false }, value));
  };
  const isExact = isLong && range !== undefined && onlyNumber(lowBits(range, 32)) !== undefined;
  if (decision === undefined) open(node);
  else if (isMirrored)
    graph.whereAble(node, 'range-comparisons', () => graph.intern(copyState(decision.taken ? taken : fallen)), open);
  else if (!decision.newer || isExact) node.next.push(graph.intern(decision.taken ? taken : fallen));
  else
    graph.whereAble(node, 'range-contradictions', () => graph.intern(copyState(decision.taken ? taken : fallen)), open);
  return true;
}

/** The number that 32-bit instructions see. */
function lowHalfOf(number: bigint, isSigned: boolean): bigint {
  return isSigned ? BigInt.asUintN(64, BigInt.asIntN(32, number)) : BigInt.asUintN(32, number);
}

/** A comparison of two numbers of which only ranges are known, which newer verifiers may decide. */
function compareRanges(
  graph: GraphBuilder,
  node: RawNode,
  a: Value,
  b: Value,
  { name, width, taken, fallen }: Sides,
): boolean {
  if (a.kind !== 'unknown' || b.kind !== 'unknown') return false;
  if (width === 32 && (a.range.umax > U32_MAX || b.range.umax > U32_MAX)) return false;
  const decided = decideRanges(name, a.range, b.range);
  if (decided === undefined) return false;
  const [way, other] = decided ? [taken, fallen] : [fallen, taken];
  graph.whereAble(
    node,
    'range-comparisons',
    () => graph.intern(copyState(way)),
    (both) => both.next.push(graph.intern(way), graph.intern(other)),
  );
  return true;
}

/** The state after a comparison. */
function refine(graph: GraphBuilder, state: MachineState, way: Taken, value: Value): number {
  if (hasMovedLinks(state, way.register)) {
    const unmoved = copyState(state);
    withoutMovedLinks(unmoved, way.register);
    const { index, node } = graph.addNode();
    graph.whereAble(
      node,
      'linked-offsets',
      () => refineLinked(graph, state, way, value),
      (other) => other.next.push(refineLinked(graph, unmoved, way, value)),
    );
    return index;
  }
  return refineLinked(graph, state, way, value);
}

function refineLinked(graph: GraphBuilder, state: MachineState, way: Taken, value: Value): number {
  const refined = copyState(state);
  refineState(refined, way);
  if (value.kind !== 'unknown' || value.id === undefined || value.id > 0) return graph.intern(refined);
  // What was spilled of the register is known as well, where the verifier links the two.
  const alone = copyState(state);
  alone.registers[way.register] = ranged(value.range);
  refineState(alone, way);
  const { index, node } = graph.addNode();
  graph.whereAble(
    node,
    'linked-spills',
    () => graph.intern(refined),
    (other) => other.next.push(graph.intern(alone)),
  );
  return index;
}
