import type { Read } from './event.ts';

/** Shorter text is put together faster than it is decoded. */
const FEW = 24;

/** Reads text of at most `length` bytes, cut at NUL or at the end of the event. Invalid UTF-8 becomes U+FFFD. */
export function textReader(length: number): Read {
  const decoder = new TextDecoder('utf-8');
  // A copy: browsers refuse to decode shared memory.
  const decode = (bytes: Uint8Array, from: number, to: number): string => decoder.decode(bytes.slice(from, to));
  return ({ bytes, end }, at) => {
    const limit = Math.min(at + length, end);
    let text = '';
    for (let index = at; index < limit; index++) {
      const byte = bytes[index] ?? 0;
      if (byte === 0) return text;
      if (byte >= 0x80 || index - at === FEW) {
        const nul = bytes.subarray(0, limit).indexOf(0, index);
        return decode(bytes, at, nul < 0 ? limit : nul);
      }
      text += String.fromCharCode(byte);
    }
    return text;
  };
}
