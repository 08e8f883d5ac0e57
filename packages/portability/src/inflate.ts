/** Length and distance codes (RFC 1951, section 3.2.5). */
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12_289, 16_385, 24_577,
];
const DISTANCE_BITS = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
/** Order in which the lengths of the code for lengths stand (section 3.2.7). */
const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const END_OF_BLOCK = 256;

/** A prefix code: by the next `bits` bits, `symbol << 4 | length`; 0 where no code begins so. */
interface Code {
  bits: number;
  table: Uint32Array;
}

let fixedCodes: [Code, Code] | undefined;

/**
 * Unpacks a zlib stream (RFC 1950), since this package decides in browsers too and answers at once. The check sum is not compared: who
 * needs to know that nothing was changed compares a digest.
 *
 * @param size - of what comes out, in bytes; exactly that must come.
 * @throws {RangeError} where the stream is broken, or is not of that size.
 */
export function inflate(input: Uint8Array, size: number): Uint8Array {
  // Deflate packs at most 1032 bytes into one.
  if (size > 1032 * input.length) broken();
  if (input.length < 2 || (input[0] ?? 0) % 16 !== 8 || ((input[0] ?? 0) * 256 + (input[1] ?? 0)) % 31 !== 0) broken();
  return new Inflater(input, size).run();
}

function broken(): never {
  throw new RangeError('not a zlib stream of the size that is said');
}

class Inflater {
  readonly #input: Uint8Array;
  readonly #output: Uint8Array;
  #at = 2;
  #end = 0;
  #hold = 0;
  #held = 0;
  /** Cells of code tables that may still be filled. */
  #cells: number;

  constructor(input: Uint8Array, size: number) {
    this.#input = input;
    this.#output = new Uint8Array(size);
    this.#cells = 1_048_576 + 8 * size;
  }

  run(): Uint8Array {
    let last = 0;
    while (last === 0) {
      last = this.#take(1);
      const kind = this.#take(2);
      if (kind === 0) this.#stored();
      else if (kind === 1) this.#packed(...(fixedCodes ??= makeFixedCodes()));
      else if (kind === 2) this.#packed(...this.#readCodes());
      else broken();
    }
    if (this.#end !== this.#output.length) broken();
    return this.#output;
  }

  #take(count: number): number {
    this.#fill(count);
    if (this.#held < count) broken();
    const value = this.#hold & ((1 << count) - 1);
    this.#hold >>>= count;
    this.#held -= count;
    return value;
  }

  /** Holds at least `count` bits, up to 24, as far as there are that many. */
  #fill(count: number): void {
    while (this.#held < count && this.#at < this.#input.length) {
      this.#hold |= (this.#input[this.#at++] ?? 0) << this.#held;
      this.#held += 8;
    }
  }

  #symbol({ bits, table }: Code): number {
    this.#fill(bits);
    const entry = table[this.#hold & ((1 << bits) - 1)] ?? 0;
    const length = entry & 15;
    if (length === 0 || length > this.#held) broken();
    this.#hold >>>= length;
    this.#held -= length;
    return entry >>> 4;
  }

  #stored(): void {
    // What is held beyond the byte is the begin of the block.
    this.#at -= this.#held >>> 3;
    this.#hold = this.#held = 0;
    const length = (this.#input[this.#at] ?? 0) | ((this.#input[this.#at + 1] ?? 0) << 8);
    const begin = this.#at + 4;
    if (begin + length > this.#input.length || this.#end + length > this.#output.length) broken();
    this.#output.set(this.#input.subarray(begin, begin + length), this.#end);
    this.#at = begin + length;
    this.#end += length;
  }

  #packed(literals: Code, distances: Code): void {
    const output = this.#output;
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol === END_OF_BLOCK) return;
      if (symbol < END_OF_BLOCK) {
        if (this.#end >= output.length) broken();
        output[this.#end++] = symbol;
        continue;
      }
      const length = (LENGTH_BASE[symbol - 257] ?? broken()) + this.#take(LENGTH_BITS[symbol - 257] ?? 0);
      const code = this.#symbol(distances);
      const distance = (DISTANCE_BASE[code] ?? broken()) + this.#take(DISTANCE_BITS[code] ?? 0);
      const from = this.#end - distance;
      if (from < 0 || this.#end + length > output.length) broken();
      if (distance >= length) output.copyWithin(this.#end, from, from + length);
      else for (let i = 0; i < length; i++) output[this.#end + i] = output[from + i] ?? 0;
      this.#end += length;
    }
  }

  #readCodes(): [Code, Code] {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const given = this.#take(4) + 4;
    const lengths = new Uint8Array(19);
    for (let i = 0; i < given; i++) lengths[LENGTH_ORDER[i] ?? 0] = this.#take(3);
    const code = makeCode(lengths);
    const all = new Uint8Array(literals + distances);
    for (let i = 0; i < all.length;) {
      const symbol = this.#symbol(code);
      if (symbol < 16) {
        all[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) broken();
      const value = symbol === 16 ? (all[i - 1] ?? 0) : 0;
      const times = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
      if (i + times > all.length) broken();
      all.fill(value, i, i + times);
      i += times;
    }
    const codes: [Code, Code] = [makeCode(all.subarray(0, literals)), makeCode(all.subarray(literals))];
    // Blocks of nothing but codes cost more than they say: compressors end a block every some thousand bytes.
    this.#cells -= codes[0].table.length + codes[1].table.length;
    if (this.#cells < 0) broken();
    return codes;
  }
}

/** Codes by their lengths (section 3.2.2). A code that is over-full is refused; one that leaves bits unused is not. */
function makeCode(lengths: Uint8Array): Code {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length]! += 1;
  counts[0] = 0;
  const next = new Uint16Array(16);
  let room = 1;
  let bits = 1;
  for (let length = 1; length < 16; length++) {
    room = room * 2 - (counts[length] ?? 0);
    if (room < 0) broken();
    next[length] = ((next[length - 1] ?? 0) + (counts[length - 1] ?? 0)) << 1;
    if (counts[length] !== 0) bits = length;
  }
  const table = new Uint32Array(1 << bits);
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    const first = reverse(next[length]!++, length);
    for (let i = first; i < table.length; i += 1 << length) table[i] = (symbol << 4) | length;
  }
  return { bits, table };
}

function reverse(code: number, length: number): number {
  let reversed = 0;
  for (let i = 0; i < length; i++) reversed |= ((code >>> i) & 1) << (length - 1 - i);
  return reversed;
}

function makeFixedCodes(): [Code, Code] {
  const lengths = new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280);
  return [makeCode(lengths), makeCode(new Uint8Array(30).fill(5))];
}
