import { interesting, pick, type Random } from './mutate.ts';

/** Bytes after the three words of a type: for itself, and for each of its elements; by kind (include/uapi/linux/btf.h). */
const OWN: Readonly<Record<number, number>> = { 1: 4, 3: 12, 14: 4, 17: 4 };
const EACH: Readonly<Record<number, number>> = { 4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12 };
const KINDS = 20;

/** Offsets of the records of types, from the start of the BTF, which is sound. */
export function typePositions(btf: Uint8Array): number[] {
  const view = new DataView(btf.buffer, btf.byteOffset, btf.byteLength);
  const positions: number[] = [];
  let at = view.getUint32(4, true) + view.getUint32(8, true);
  const end = at + view.getUint32(12, true);
  while (at < end) {
    positions.push(at);
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 0x1f;
    at += 12 + (OWN[kind] ?? 0) + (EACH[kind] ?? 0) * (info & 0xffff);
  }
  return positions;
}

/**
 * Changes one field: a name, a kind, a number of members, a flag, a size, a type (also to itself: a circle), a member's offset or width, or
 * a field of the header.
 *
 * @param start - of the BTF in the view.
 * @param positions - of the records of types in the view.
 */
export function mutateBtf(view: DataView, start: number, positions: readonly number[], random: Random): void {
  if (positions.length === 0 || random(12) === 0) {
    const field = start + pick([0, 2, 4, 8, 12, 16, 20], random);
    view.setUint32(field, random(2) === 0 ? view.getUint32(field, true) + random(17) - 8 : interesting(random), true);
    return;
  }
  const index = random(positions.length);
  const at = positions[index] ?? 0;
  const info = view.getUint32(at + 4, true);
  const vlen = info & 0xffff;
  const kind = (info >>> 24) & 0x1f;
  const id = (): number =>
    [index + 1, random(positions.length + 2), random(positions.length + 2), 0, interesting(random)][random(5)] ?? 0;
  switch (random(8)) {
    case 0:
      view.setUint32(
        at,
        random(2) === 0 ? view.getUint32(positions[random(positions.length)] ?? at, true) : interesting(random),
        true,
      );
      return;
    case 1:
      view.setUint32(at + 4, (info & 0x80ff_ffff) | (random(KINDS + 1) << 24), true);
      return;
    case 2:
      view.setUint32(at + 4, (info & 0xff00_0000) | pick([0, 1, vlen + 1, vlen - 1, 0xffff, 0xff_ffff], random), true);
      return;
    case 3:
      view.setUint32(at + 4, info ^ 0x8000_0000, true);
      return;
    case 4:
      view.setUint32(at + 8, id(), true);
      return;
    default: {
      const bytes = (OWN[kind] ?? 0) + (EACH[kind] ?? 0) * vlen;
      const word = at + 12 + 4 * random(Math.max(1, bytes >> 2));
      if (bytes === 0 || word + 4 > view.byteLength) view.setUint32(at + 8, id(), true);
      else view.setUint32(word, pick([id(), random(4096), interesting(random)], random), true);
    }
  }
}
