/** The same BTF in the other byte order: everything but strings and the first four bytes is words of 32 bits. */
export function swapBtf(bytes: Uint8Array): Uint8Array {
  const swapped = bytes.slice();
  const view = new DataView(swapped.buffer);
  const headerLength = view.getUint32(4, true);
  const typesStart = headerLength + view.getUint32(8, true);
  const typesEnd = typesStart + view.getUint32(12, true);
  view.setUint16(0, view.getUint16(0, true), false);
  for (const [from, to] of [[4, headerLength] as const, [typesStart, typesEnd] as const])
    for (let at = from; at < to; at += 4) view.setUint32(at, view.getUint32(at, true), false);
  return swapped;
}
