/** Where events lie in a block, gathered without making an array for each block twice. */
export class Places {
  #numbers = new Uint32Array(2048);
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  restart(): this {
    this.#length = 0;
    return this;
  }

  /** @param offset, length - in bytes. */
  add(offset: number, length: number): void {
    if (this.#length === this.#numbers.length) {
      const larger = new Uint32Array(this.#length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#length++] = offset;
    this.#numbers[this.#length++] = length;
  }

  /** Offset and length of each event, one after the other. */
  copy(): Uint32Array<ArrayBuffer> {
    return this.#numbers.slice(0, this.#length);
  }
}
