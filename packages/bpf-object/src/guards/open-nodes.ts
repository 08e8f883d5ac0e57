/**
 * Nodes to follow, and which one is next. Those at instructions that no state has come to before go first, so that all of a program is seen
 * before its loops are; among them, those that every kernel comes to, since what they find need not be looked for elsewhere.
 */
export class OpenNodes {
  /** From the most urgent: certain and fresh, fresh, certain, others. A node may stand in several, and counts once. */
  readonly #stacks: readonly number[][] = [[], [], [], []];
  /** By node: 0 = not open, 1 = open, 2 = open and fresh. */
  readonly #kinds: number[] = [];

  add(index: number, { fresh, certain }: { fresh: boolean; certain: boolean }): void {
    if ((this.#kinds[index] ?? 0) > 0) return;
    this.#kinds[index] = fresh ? 2 : 1;
    this.#stacks[(fresh ? 0 : 2) + (certain ? 0 : 1)]?.push(index);
  }

  /** The node is certain, whether it is open or not. */
  prefer(index: number): void {
    const kind = this.#kinds[index] ?? 0;
    if (kind > 0) this.#stacks[kind === 2 ? 0 : 2]?.push(index);
  }

  take(): number | undefined {
    for (const stack of this.#stacks) {
      for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
        if ((this.#kinds[index] ?? 0) === 0) continue;
        this.#kinds[index] = 0;
        return index;
      }
    }
    return undefined;
  }
}
