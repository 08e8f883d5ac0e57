import { CORE_RELOCATION_KINDS, findSection, readElf, type CoreRelocation } from '../../src/index.ts';

/** A relocation to put into a crafted object, with the value that its instruction holds. */
export interface CraftedRelocation extends CoreRelocation {
  /** Immediate of a move (`alu`) or offset of a load (`memory`). */
  original: bigint;
}

/** Puts other types and relocations into a compiled object: relocation n changes instruction n of the program. */
export function craftObject(
  template: Uint8Array,
  types: Uint8Array,
  relocations: readonly CraftedRelocation[],
): Uint8Array {
  const elf = readElf(template);
  const extended = extendStrings(
    types,
    relocations.map(({ access }) => access),
    'raw_tp/sched_switch',
  );
  const ext = writeBtfExt(extended, relocations);
  const bytes = new Uint8Array(template.length + extended.bytes.length + ext.length);
  bytes.set(template);
  bytes.set(extended.bytes, template.length);
  bytes.set(ext, template.length + extended.bytes.length);
  const view = new DataView(bytes.buffer);
  const headers = Number(view.getBigUint64(40, true));
  const place = (name: string, offset: number, size: number): void => {
    const section = findSection(elf, name);
    if (section === undefined) return;
    view.setBigUint64(headers + section.index * 64 + 24, BigInt(offset), true);
    view.setBigUint64(headers + section.index * 64 + 32, BigInt(size), true);
  };
  place('.BTF', template.length, extended.bytes.length);
  place('.BTF.ext', template.length + extended.bytes.length, ext.length);
  place('.rel.BTF', 64, 0);
  place('.rel.BTF.ext', 64, 0);
  const program = findSection(elf, 'raw_tp/sched_switch')?.offset ?? 0;
  relocations.forEach((relocation, index) => writeInstruction(view, program + index * 8, relocation));
  return bytes;
}

function writeInstruction(view: DataView, at: number, { instruction, original }: CraftedRelocation): void {
  const low = Number(BigInt.asIntN(32, original));
  if (instruction?.form === 'memory') {
    // r1 = *(u32 *)(r1 + off), by size
    view.setUint8(at, { 1: 0x71, 2: 0x69, 4: 0x61, 8: 0x79 }[instruction.memorySize] ?? 0x61);
    view.setUint8(at + 1, 0x11);
    view.setInt16(at + 2, low, true);
    view.setInt32(at + 4, 0, true);
  } else {
    view.setUint8(at, 0xb7);
    view.setUint8(at + 1, 1);
    view.setInt16(at + 2, 0, true);
    view.setInt32(at + 4, low, true);
  }
}

interface Extended {
  bytes: Uint8Array;
  offsets: number[];
  section: number;
}

/** The strings come last in the BTF, so more can be put after them. */
function extendStrings(types: Uint8Array, texts: readonly string[], section: string): Extended {
  const encoder = new TextEncoder();
  const chunks = [...texts, section].map((text) => encoder.encode(`${text}\0`));
  const bytes = new Uint8Array(types.length + chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  bytes.set(types);
  const view = new DataView(bytes.buffer);
  let length = view.getUint32(20, true);
  let at = types.length;
  const offsets = chunks.map((chunk) => {
    const offset = length;
    bytes.set(chunk, at);
    at += chunk.length;
    length += chunk.length;
    return offset;
  });
  view.setUint32(20, length, true);
  return { bytes, offsets, section: offsets.at(-1) ?? 0 };
}

function writeBtfExt(extended: Extended, relocations: readonly CraftedRelocation[]): Uint8Array {
  const body = 4 + 8 + relocations.length * 16;
  const bytes = new Uint8Array(32 + body);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, true);
  view.setUint8(2, 1);
  const words = [32, 0, 0, 0, 0, 0, body, 16, extended.section, relocations.length];
  words.forEach((word, index) => view.setUint32(4 + index * 4, word, true));
  relocations.forEach((relocation, index) => {
    const record = [
      index * 8,
      relocation.typeId,
      extended.offsets[index] ?? 0,
      CORE_RELOCATION_KINDS.indexOf(relocation.kind),
    ];
    record.forEach((word, part) => view.setUint32(44 + index * 16 + part * 4, word, true));
  });
  return bytes;
}
