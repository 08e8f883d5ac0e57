/** Columns of a cell that is not the last one, at most. */
const MAX_WIDTH = 40;

/** A cell: text, and on which side it stands. */
export interface Cell {
  text: string;
  /** Numbers stand to the right. */
  right: boolean;
}

/**
 * Lines whose columns stand below one another although nobody knows what will come: a column becomes wider where a cell needs it, never
 * narrower, up to a bound at which cells are cut. The last column is as wide as it needs.
 */
export class Columns {
  readonly #widths: number[];
  readonly #names: readonly string[];
  readonly #measure: (text: string) => number;

  /** @param measure - columns that a text takes on a terminal. */
  constructor(names: readonly string[], measure: (text: string) => number) {
    this.#names = names;
    this.#measure = measure;
    this.#widths = names.map((name) => measure(name));
  }

  /** The line with the names. */
  heading(rights: readonly boolean[]): string {
    return this.line(this.#names.map((text, i) => ({ text, right: rights[i] ?? false })));
  }

  /** Makes room, e.g. for all lines that will be printed together. */
  fit(cells: readonly Cell[]): void {
    for (const [i, { text }] of cells.entries())
      this.#widths[i] = Math.min(MAX_WIDTH, Math.max(this.#widths[i] ?? 0, this.#measure(text)));
  }

  line(cells: readonly Cell[]): string {
    this.fit(cells);
    const last = cells.length - 1;
    return cells
      .map(({ text, right }, i) => {
        if (i === last && !right) return text;
        const width = this.#widths[i] ?? 0;
        const shown = i === last ? text : this.#cut(text, width);
        const gap = ' '.repeat(Math.max(0, width - this.#measure(shown)));
        return right ? gap + shown : shown + gap;
      })
      .join('  ')
      .trimEnd();
  }

  #cut(text: string, width: number): string {
    if (this.#measure(text) <= width) return text;
    let cut = '';
    for (const character of text) {
      if (this.#measure(cut + character) > width - 1) break;
      cut += character;
    }
    return `${cut}…`;
  }
}
