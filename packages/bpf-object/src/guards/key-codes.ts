/**
 * Gives each text a number, so that the keys of states are short: an exploration makes tens of thousands of states, which repeat the same
 * few values and stacks.
 */
export class KeyCodes {
  readonly #codes: Map<string, string> = new Map();

  /** Two characters that are equal for equal texts, and only for them. */
  of(text: string): string {
    let code = this.#codes.get(text);
    if (code === undefined) {
      const number = this.#codes.size;
      code = String.fromCharCode(number & 0xffff, number >>> 16);
      this.#codes.set(text, code);
    }
    return code;
  }
}
