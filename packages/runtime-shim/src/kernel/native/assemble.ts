/** One BPF instruction (Documentation/bpf/standardization/instruction-set.rst). */
export interface Instruction {
  code: number;
  dst?: number;
  src?: number;
  offset?: number;
  imm?: number;
}

/** Bytes that a load or store moves. */
export type AccessSize = 1 | 2 | 4 | 8;

/** Size bits of loads and stores. */
const SIZE_BITS: Readonly<Record<AccessSize, number>> = { 4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18 };
/** What the source register of a 64-bit load says that its immediate is (BPF_PSEUDO_*). */
const PSEUDO = { map: 1, mapValue: 2, btfId: 3, function: 4 } as const;

/** `r0 = 0` */
export const MOV_R0_0: Instruction = { code: 0xb7, dst: 0, imm: 0 };
/** `exit` */
export const EXIT: Instruction = { code: 0x95 };

/** Calls a helper. */
export function CALL(helper: number): Instruction {
  return { code: 0x85, imm: helper };
}

/** Calls a kernel function by its BTF id. */
export function callKernel(btfId: number): Instruction {
  return { code: 0x85, src: 2, imm: btfId };
}

/** Calls a function of the program: the one that begins `offset` instructions after the next. */
export function callLocal(offset: number): Instruction {
  return { code: 0x85, src: 1, imm: offset };
}

/** `dst = imm` */
export function moveNumber(dst: number, imm: number): Instruction {
  return { code: 0xb7, dst, imm };
}

/** `dst = src` */
export function move(dst: number, src: number): Instruction {
  return { code: 0xbf, dst, src };
}

/** `dst += imm` */
export function addNumber(dst: number, imm: number): Instruction {
  return { code: 0x07, dst, imm };
}

/** `dst = *(size *)(src + offset)` */
export function load(size: AccessSize, dst: number, src: number, offset: number): Instruction {
  return { code: 0x61 | SIZE_BITS[size], dst, src, offset };
}

/** `*(size *)(dst + offset) = src` */
export function store(size: AccessSize, dst: number, offset: number, src: number): Instruction {
  return { code: 0x63 | SIZE_BITS[size], dst, src, offset };
}

/** `*(size *)(dst + offset) = imm` */
export function storeNumber(size: AccessSize, dst: number, offset: number, imm: number): Instruction {
  return { code: 0x62 | SIZE_BITS[size], dst, offset, imm };
}

/** Skips `offset` instructions if `dst == imm`. */
export function ifEqual(dst: number, imm: number, offset: number): Instruction {
  return { code: 0x15, dst, imm, offset };
}

/** Skips `offset` instructions if `dst != imm`. */
export function ifNotEqual(dst: number, imm: number, offset: number): Instruction {
  return { code: 0x55, dst, imm, offset };
}

/** `dst = &map`; takes two slots. */
export function mapAddress(dst: number, fd: number): Instruction[] {
  return wide(dst, PSEUDO.map, fd);
}

/** `dst = &value of a map with one element`; takes two slots. */
export function mapValueAddress(dst: number, fd: number): Instruction[] {
  return wide(dst, PSEUDO.mapValue, fd);
}

/** `dst = &kernel variable or function` of a BTF id; takes two slots. */
export function kernelAddress(dst: number, btfId: number): Instruction[] {
  return wide(dst, PSEUDO.btfId, btfId);
}

/** `dst = &function of the program`, which begins `offset` instructions after the one that follows; takes two slots. */
export function functionAddress(dst: number, offset: number): Instruction[] {
  return wide(dst, PSEUDO.function, offset);
}

function wide(dst: number, src: number, imm: number): Instruction[] {
  return [{ code: 0x18, dst, src, imm }, { code: 0 }];
}

/** Encodes instructions for this machine, which is little-endian on every platform that is supported. */
export function assemble(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const words = new Int32Array(bytes.buffer);
  for (const [i, { code, dst = 0, src = 0, offset = 0, imm = 0 }] of instructions.entries()) {
    words[i * 2] = code | (dst << 8) | (src << 12) | (offset << 16);
    words[i * 2 + 1] = imm;
  }
  return bytes;
}
