/** One BPF instruction (Documentation/bpf/standardization/instruction-set.rst). */
export interface Instruction {
  code: number;
  dst?: number;
  src?: number;
  offset?: number;
  imm?: number;
}

/** `r0 = 0` */
export const MOV_R0_0: Instruction = { code: 0xb7, dst: 0, imm: 0 };
/** `exit` */
export const EXIT: Instruction = { code: 0x95 };

/** Calls a helper. */
export function CALL(helper: number): Instruction {
  return { code: 0x85, imm: helper };
}

/** Encodes instructions for this machine, which is little-endian on every platform that is supported. */
export function assemble(instructions: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(instructions.length * 8);
  for (const [i, { code, dst = 0, src = 0, offset = 0, imm = 0 }] of instructions.entries()) {
    bytes.writeUInt8(code, i * 8);
    bytes.writeUInt8(dst | (src << 4), i * 8 + 1);
    bytes.writeInt16LE(offset, i * 8 + 2);
    bytes.writeInt32LE(imm, i * 8 + 4);
  }
  return bytes;
}
