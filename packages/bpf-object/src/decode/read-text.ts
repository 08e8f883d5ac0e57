import type { Read } from './event.ts';

/** Reads text of at most `length` bytes, cut at NUL or at the end of the event. Invalid UTF-8 becomes U+FFFD. */
export function textReader(length: number): Read {
  const decoder = new TextDecoder('utf-8');
  return ({ bytes }, at) => {
    const limit = Math.min(at + length, bytes.length);
    let text = '';
    for (let index = at; index < limit; index++) {
      const byte = bytes[index] ?? 0;
      if (byte === 0) return text;
      if (byte >= 0x80) {
        const end = bytes.subarray(0, limit).indexOf(0, index);
        // A copy: browsers refuse to decode shared memory.
        return decoder.decode(bytes.slice(at, end < 0 ? limit : end));
      }
      text += String.fromCharCode(byte);
    }
    return text;
  };
}
