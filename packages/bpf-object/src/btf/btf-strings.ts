/** The string section of a BTF that is being written: each string once, in the order of first use. */
export class BtfStrings {
  readonly #offsets: Map<string, number> = new Map([['', 0]]);
  readonly #chunks: Uint8Array[] = [new Uint8Array(1)];
  #length = 1;

  /** Offset of the string, which is added where it is new. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const chunk = new TextEncoder().encode(`${text}\0`);
    const offset = this.#length;
    this.#offsets.set(text, offset);
    this.#chunks.push(chunk);
    this.#length += chunk.length;
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
}
