/** The string section of a BTF that is being written: each string once, in the order of first use. */
export class BtfStrings {
  readonly #offsets: Map<string, number> = new Map([['', 0]]);
  readonly #chunks: Uint8Array[] = [];
  readonly #first: number;
  #length = 0;

  /** `first`: offset of the first string; 0, where this BTF continues no other, makes that the empty one. */
  constructor(first: number) {
    this.#first = first;
    if (first === 0) this.#append(new Uint8Array(1));
  }

  /** Offset of the string, which is added where it is new. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const chunk = new TextEncoder().encode(`${text}\0`);
    const offset = this.#first + this.#length;
    this.#offsets.set(text, offset);
    this.#append(chunk);
    return offset;
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  #append(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }
}
