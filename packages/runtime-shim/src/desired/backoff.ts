const FIRST_MS = 15_000;
const LONGEST_MS = 3_600_000;

/** When what failed is tried again: after 15 seconds, doubling up to an hour, with jitter. By a clock that does not jump. */
export class Backoff {
  readonly #failures = new Map<string, { count: number; due: number }>();

  isDue(key: string): boolean {
    const failure = this.#failures.get(key);
    return failure === undefined || performance.now() >= failure.due;
  }

  failed(key: string): void {
    const count = (this.#failures.get(key)?.count ?? 0) + 1;
    const wait = Math.min(FIRST_MS * 2 ** (count - 1), LONGEST_MS) * (0.5 + Math.random());
    this.#failures.set(key, { count, due: performance.now() + wait });
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
  }

  /** Everything is due: somebody changed what is wanted. */
  reset(): void {
    this.#failures.clear();
  }

  /** Milliseconds until the first is due; `undefined` where none failed. */
  nextMs(): number | undefined {
    if (this.#failures.size === 0) return undefined;
    return Math.max(0, Math.min(...[...this.#failures.values()].map(({ due }) => due)) - performance.now());
  }
}
