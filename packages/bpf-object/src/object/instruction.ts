import { ByteReader } from '../byte-reader.ts';

/** Bytes of one instruction slot. */
export const INSTRUCTION_SIZE = 8;

/** One instruction slot (RFC 9669, section 3). A 64-bit immediate takes two slots; the second has code 0. */
export interface Instruction {
  code: number;
  destination: number;
  source: number;
  offset: number;
  /** Signed 32-bit. */
  immediate: number;
}

/** Instruction classes (RFC 9669, table 4). */
export const CLASS = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, jmp32: 6, alu64: 7 } as const;
/** `call`. */
export const CODE_CALL = 0x85;
/** `exit`. */
export const CODE_EXIT = 0x95;
/** `goto +offset`. */
export const CODE_JUMP = 0x05;
/** `gotol +immediate`. */
export const CODE_LONG_JUMP = 0x06;
/** `goto_or_nop` and `may_goto`. */
export const CODE_MAY_JUMP = 0xe5;
/** Load of a 64-bit immediate. */
export const CODE_LOAD_IMM64 = 0x18;
/** `source` of a call of a function of the same object. */
export const PSEUDO_CALL = 1;
/** `source` of a 64-bit immediate that is a function's place. */
export const PSEUDO_FUNCTION = 4;

/** Decodes a function's bytes, of which there is a multiple of 8. */
export function decodeInstructions(bytes: Uint8Array, littleEndian: boolean): Instruction[] {
  const reader = new ByteReader(bytes, littleEndian, 'the instructions', 'ERR_PROGRAM_INVALID');
  return Array.from({ length: Math.floor(bytes.length / INSTRUCTION_SIZE) }, (_, index) => {
    const at = index * INSTRUCTION_SIZE;
    const registers = reader.u8(at + 1);
    const [low, high] = [registers & 0xf, registers >> 4];
    return {
      code: reader.u8(at),
      destination: littleEndian ? low : high,
      source: littleEndian ? high : low,
      offset: reader.i16(at + 2),
      immediate: reader.i32(at + 4),
    };
  });
}

/** Where a jump goes, as an index into the same instructions; undefined for everything that is no jump. */
export function jumpTarget(instruction: Instruction, index: number): number | undefined {
  const kind = instruction.code & 7;
  if (kind !== CLASS.jmp && kind !== CLASS.jmp32) return undefined;
  if (instruction.code === CODE_LONG_JUMP) return index + 1 + instruction.immediate;
  const operation = instruction.code & 0xf0;
  // call and exit; class jmp32 has neither.
  if (operation === 0x80 || operation === 0x90) return undefined;
  return index + 1 + instruction.offset;
}
