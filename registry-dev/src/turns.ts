/** Changes of the same thing, each waiting for the one before. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Makes a change after all earlier ones under this key have ended, however they ended. */
  async run<T>(key: string, change: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(change);
    const settled = turn.catch(() => undefined);
    this.#last.set(key, settled);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    }
  }
}
