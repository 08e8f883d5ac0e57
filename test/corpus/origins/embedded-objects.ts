/** `\x7fELF`, 64 bits. */
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2]);
/** `e_machine` of BPF (include/uapi/linux/elf-em.h, EM_BPF) and `e_type` of an object file (ET_REL). */
const EM_BPF = 247;
const ET_REL = 1;
const SECTION_HEADER_SIZE = 64;
const SHT_NULL = 0;
const SHT_NOBITS = 8;

/** BPF objects that lie somewhere in a file, as skeletons carry them in their data. */
export function* embeddedObjects(file: Buffer): Generator<Buffer> {
  for (let at = file.indexOf(MAGIC); at >= 0; at = file.indexOf(MAGIC, at + 4)) {
    const end = objectEnd(file.subarray(at));
    if (end !== undefined) yield file.subarray(at, at + end);
  }
}

/** Where an object that begins here ends: behind its section headers and its last section. */
function objectEnd(bytes: Buffer): number | undefined {
  if (bytes.length < SECTION_HEADER_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = view.getUint8(5) === 1;
  const headers = Number(view.getBigUint64(40, little));
  const count = view.getUint16(60, little);
  if (view.getUint16(16, little) !== ET_REL || view.getUint16(18, little) !== EM_BPF) return undefined;
  if (view.getUint16(58, little) !== SECTION_HEADER_SIZE || count === 0) return undefined;
  let end = headers + count * SECTION_HEADER_SIZE;
  if (end > bytes.length) return undefined;
  for (let header = headers; header < headers + count * SECTION_HEADER_SIZE; header += SECTION_HEADER_SIZE) {
    const type = view.getUint32(header + 4, little);
    if (type === SHT_NULL || type === SHT_NOBITS) continue;
    const [offset, size] = [view.getBigUint64(header + 24, little), view.getBigUint64(header + 32, little)];
    end = Math.max(end, Number(offset + size));
  }
  return end <= bytes.length ? end : undefined;
}
