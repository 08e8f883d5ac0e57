import type { BpfFunction, BpfObject, BpfProgram } from '../object/bpf-object.ts';
import { CLASS, CODE_CALL, CODE_EXIT, CODE_LOAD_IMM64, type Instruction } from '../object/instruction.ts';
import { successors } from '../requirements/function-features.ts';
import { explore, type Effort } from './explore.ts';
import type { Exploration } from './exploration.ts';
import { known, variable } from './value.ts';

/** A program that is not followed to its end in so many instructions says nothing about its returns. */
const MAX_STEPS = 20_000;

/** Call frames of the verifier (include/linux/bpf_verifier.h, MAX_CALL_FRAMES). */
const MAX_FRAMES = 8;

/** What a program returns: a number, or `unset` where it has not written r0. */
export type ReturnValue = bigint | 'unset';

/**
 * What a program certainly returns on some way that every verifier comes to, of what `isWrong` asks for. Programs that do not even look as if
 * they did are not followed.
 */
export function findReturns(
  object: BpfObject,
  program: BpfProgram,
  isWrong: (value: ReturnValue) => boolean,
  effort: Effort,
): ReturnValue[] {
  const [entry] = program.functions;
  if (entry === undefined || ![...candidates(object, entry)].some(isWrong)) return [];
  const wrong = returnsOf(object, program, 1n, effort).filter(isWrong);
  if (wrong.length === 0) return [];
  const unable = returnsOf(object, program, 0n, effort);
  return wrong.filter((value) => unable.includes(value));
}

/** All that the program returns whatever the kernel is, for verifiers with every ability or with none. */
function returnsOf(object: BpfObject, program: BpfProgram, ability: bigint, effort: Effort): ReturnValue[] {
  const exploration = explore({
    object,
    program,
    bind: (value) => (value.kind === 'feature' ? known(ability) : variable(value)),
    maxSteps: MAX_STEPS,
    returns: true,
    effort,
  });
  return exploration === undefined || exploration.approximate ? [] : certainReturns(exploration);
}

function certainReturns({ sites, nodes }: Exploration): ReturnValue[] {
  const seen = new Set([0]);
  // Ways that a value of the kernel decides are left out.
  for (const at of seen) for (const next of nodes[at]?.next ?? []) seen.add(next);
  const values = [...seen].flatMap((at) =>
    (nodes[at]?.sites ?? []).flatMap((position) => {
      const site = sites[position];
      return site?.kind === 'return' ? [site.value] : [];
    }),
  );
  return [...new Set(values)];
}

/** What stands in r0 at an exit, as far as a look at the instructions before it tells: numbers, and `unset` where nothing writes it. */
function candidates(
  object: BpfObject,
  { instructions, references }: BpfFunction,
  within: number = 0,
): Set<ReturnValue> {
  const before: number[][] = instructions.map(() => []);
  for (const at of instructions.keys()) {
    if (instructions[at]?.code === 0) continue;
    for (const next of successors(instructions, at)) before[next]?.push(at);
  }
  const found = new Set<ReturnValue>();
  const wideNumber = (at: number, register: number): bigint | undefined => {
    const { code, destination, immediate = 0 } = instructions[at] ?? {};
    if (code !== CODE_LOAD_IMM64 || destination !== register || references.has(at)) return undefined;
    return (BigInt(instructions[at + 1]?.immediate ?? 0) << 32n) | BigInt(immediate >>> 0);
  };
  // What a function that is called gives back, where this one passes it on.
  const addCalled = (at: number): void => {
    const reference = references.get(at);
    const called = reference?.kind === 'call' ? object.functions[reference.index] : undefined;
    if (called === undefined || called.global || within >= MAX_FRAMES) return;
    for (const value of candidates(object, called, within + 1)) found.add(value);
  };
  const seen = new Set<string>();
  const open = [...instructions.keys()].flatMap((at): [at: number, register: number][] =>
    instructions[at]?.code === CODE_EXIT ? [[at, 0]] : [],
  );
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [at, register] = next;
    if (at === 0 && register === 0) found.add('unset');
    for (const previous of before[at] ?? []) {
      const key = `${previous} ${register}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const instruction = instructions[previous];
      if (instruction === undefined) continue;
      const written = wideNumber(previous, register) ?? writes(instruction, register);
      if (written === undefined) open.push([previous, register]);
      else if (typeof written === 'number') open.push([previous, written]);
      else if (typeof written === 'bigint') found.add(written);
      else if (instruction.code === CODE_CALL && register === 0) addCalled(previous);
    }
  }
  return found;
}

/** What an instruction writes to a register: a number, the register that it is copied from, something else, or undefined for nothing. */
function writes(
  { code, destination, source, immediate, offset }: Instruction,
  register: number,
): bigint | number | 'other' | undefined {
  const kind = code & 7;
  if (code === CODE_CALL) return register <= 5 ? 'other' : undefined;
  if (kind === CLASS.jmp || kind === CLASS.jmp32 || kind === CLASS.st) return undefined;
  // Packet loads write r0, atomic operations their source.
  if (kind === CLASS.ld && (code & 0xe0) !== 0) return register <= 5 ? 'other' : undefined;
  if (kind === CLASS.stx)
    return (code & 0xe0) === 0xc0 && (register === source || register === 0) ? 'other' : undefined;
  if (destination !== register) return undefined;
  const isMove = (kind === CLASS.alu || kind === CLASS.alu64) && (code & 0xf0) === 0xb0 && offset === 0;
  if (!isMove) return 'other';
  if ((code & 8) !== 0) return source;
  return kind === CLASS.alu64 ? BigInt(immediate) : BigInt.asUintN(32, BigInt(immediate));
}
