import type { Streams } from './streams.ts';

const ESC = '\u001b[';
/** The other screen, without a cursor. What was on the terminal comes back at the end. */
const ENTER = `${ESC}?1049h${ESC}?25l`;
const LEAVE = `${ESC}?25h${ESC}?1049l`;
/** Terminals that know it show what lies between in one go; the others pass over it. */
const BEGIN = `${ESC}?2026h`;
const END = `${ESC}?2026l`;

/** A terminal that a command draws on again and again, and whose keys it hears. */
export class LiveScreen implements Disposable {
  readonly #streams: Streams;
  readonly #onKey: (key: string) => void;
  readonly #hear = (chunk: Buffer | string): void => {
    for (const key of String(chunk)) this.#onKey(key);
  };

  constructor(streams: Streams, onKey: (key: string) => void) {
    this.#streams = streams;
    this.#onKey = onKey;
    streams.stdout.write(ENTER);
    const { stdin } = streams;
    if (stdin.isTTY !== true) return;
    stdin.setRawMode?.(true);
    stdin.on('data', this.#hear);
    stdin.resume();
  }

  /** Draws over what is there, line by line, so that nothing flickers. Lines that do not fit are cut. */
  draw(lines: readonly string[]): void {
    const { columns = 80, rows = 24 } = this.#streams.stdout;
    const shown = lines.slice(0, rows).map((line) => `${cut(line, columns)}${ESC}0m${ESC}K`);
    this.#streams.stdout.write(`${BEGIN}${ESC}H${shown.join('\r\n')}${ESC}J${END}`);
  }

  [Symbol.dispose](): void {
    const { stdin, stdout } = this.#streams;
    stdin.off('data', this.#hear);
    if (stdin.isTTY === true) {
      stdin.setRawMode?.(false);
      stdin.pause();
    }
    stdout.write(LEAVE);
  }
}

/** Cuts a line to a width; the sequences that colour it take none. */
function cut(line: string, width: number): string {
  let left = width;
  // oxlint-disable-next-line no-control-regex -- the sequences begin with one
  return line.replace(/\u001b\[[0-9;]*m|[^\u001b]/gu, (part) => {
    if (part.startsWith('\u001b')) return part;
    left -= 1;
    return left >= 0 ? part : '';
  });
}
