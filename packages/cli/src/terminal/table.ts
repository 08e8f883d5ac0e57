/** Where less is left for the last column, sentences in it would fall to pieces: it gets lines of its own. */
const MIN_LAST = 40;
const INDENT = '  ';

/**
 * Lays out rows as columns of equal width, two spaces apart. The last column is not padded.
 *
 * @param rows - the first row is the heading.
 * @param width - of the terminal: the last column goes on in further lines where it would not fit, and stands below the others where too little
 *   room is left beside them. Default: it takes one line.
 */
export function table(rows: readonly (readonly string[])[], width: number = Infinity): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, displayWidth(cell));
  const left = width - widths.slice(0, -1).reduce((sum, each) => sum + each + 2, 0);
  const isBelow = left < Math.min(MIN_LAST, widths.at(-1) ?? 0);
  return rows
    .flatMap((row) => {
      const first = row.slice(0, -1);
      const last = row.at(-1) ?? '';
      if (isBelow) return below(first, last, Math.max(width, MIN_LAST), widths);
      return wrap(last, left).map((text, line) => [...first.map((cell) => (line === 0 ? cell : '')), text]);
    })
    .map((row) => layOut(row, widths).trimEnd())
    .join('\n');
}

/** A table whose columns of numbers stand to the right. @param right - for each column, whether it holds numbers. */
export function numberTable(rows: readonly (readonly string[])[], right: readonly boolean[], width?: number): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, displayWidth(cell));
  const aligned = rows.map((row) =>
    row.map((cell, i) => (right[i] ? ' '.repeat((widths[i] ?? 0) - displayWidth(cell)) + cell : cell)),
  );
  return table(aligned, width);
}

function layOut(row: readonly string[], widths: readonly number[]): string {
  const pad = (cell: string, i: number): string =>
    cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - displayWidth(cell)));
  return row.map((cell, i) => (i === row.length - 1 ? cell : pad(cell, i))).join('  ');
}

/** The last column in lines of its own; a row that has nothing else gets no line for it. */
function below(first: readonly string[], last: string, width: number, widths: readonly number[]): string[][] {
  const lines = wrap(last, width - INDENT.length).map((text) => [INDENT + text]);
  if (first.every((cell) => cell === '')) return lines;
  // Names that are longer than a line themselves are broken too.
  return [...wrap(layOut(first, widths).trimEnd(), width).map((text) => [text]), ...lines];
}

/** Breaks between words, and inside those that are longer than a line. */
function wrap(text: string, width: number): string[] {
  if (displayWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    let rest = line === '' ? word : `${line} ${word}`;
    if (displayWidth(rest) > width && line !== '') {
      lines.push(line);
      rest = word;
    }
    for (; displayWidth(rest) > width; rest = rest.slice(width)) lines.push(rest.slice(0, width));
    line = rest;
  }
  return [...lines, line];
}

/** East Asian wide characters take two columns. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    width += /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\uff00-\uff60]/u.test(character)
      ? 2
      : 1;
  }
  return width;
}

/** Bytes for people: `734 B`, `4.2 KiB`, `1.0 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** Milliseconds for people: `3.1 ms`, `1.24 s`. */
export function formatDuration(milliseconds: number): string {
  return milliseconds >= 1000 ? `${(milliseconds / 1000).toFixed(2)} s` : `${milliseconds.toFixed(1)} ms`;
}
