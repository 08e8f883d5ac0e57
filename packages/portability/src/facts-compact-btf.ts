const KIND_FUNC_PROTO = 13;
/** Bytes after the three words of a type: for itself, and for each of its members; by kind (include/uapi/linux/btf.h). */
const OWN: Readonly<Record<number, number>> = { 1: 4, 3: 12, 14: 4, 17: 4 };
const EACH: Readonly<Record<number, number>> = { 4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12 };
const LAST_KIND = 19;

/**
 * A kernel's BTF without the names of parameters: no rule asks for them, and without them it packs to less. Ids, sizes and offsets of all
 * types and strings stay, so that a module's BTF still fits upon it. BTF that cannot be read, or that has kinds of types which this version
 * does not know, comes back as it is.
 */
export function compactBtf(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 24) return bytes;
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const little = view.getUint16(0, true) === 0xeb9f;
  if (!little && view.getUint16(0, false) !== 0xeb9f) return bytes;
  const word = (at: number): number => view.getUint32(at, little);
  let at = word(4) + word(8);
  const end = at + word(12);
  if (end > bytes.length) return bytes;
  while (at + 12 <= end) {
    const info = word(at + 4);
    const kind = (info >>> 24) & 0x7f;
    if (kind > LAST_KIND) return bytes;
    const members = info & 0xff_ffff;
    const next = at + 12 + (OWN[kind] ?? 0) + (EACH[kind] ?? 0) * members;
    if (next > end) return bytes;
    if (kind === KIND_FUNC_PROTO) for (let i = at + 12; i < next; i += 8) view.setUint32(i, 0, little);
    at = next;
  }
  return at === end ? copy : bytes;
}
