import type { Comparison, Group } from '../benchmarks/benchmark.ts';
import type { Series, Unit } from '../support/statistics.ts';

/** A table that reads well in a terminal and renders as Markdown. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  // The first column holds words, the others numbers.
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(header), line(rule), ...rows.map(line)].join('\n');
}

/** The table of one group. */
export function renderGroup({ title, series }: Group): string {
  const rows = series.map(({ name, unit, median, min, max, runs }) => [
    name,
    `${formatNumber(median, unit)} ${unit}`,
    formatNumber(min, unit),
    formatNumber(max, unit),
    String(runs.length),
  ]);
  return renderTable([title, 'median', 'min', 'max', 'runs'], rows);
}

/** The table of all comparisons. */
export function renderComparisons(comparisons: readonly Comparison[]): string {
  return renderTable(
    ['Side by side (below 1: bpfship needs less)', 'ratio of medians'],
    comparisons.map(({ title, ratio }) => [title, ratio.toFixed(2)]),
  );
}

function formatNumber(value: Series['median'], unit: Unit): string {
  if (unit === 'bytes' || unit === 'requests') return String(value);
  return value.toFixed(value >= 1000 ? 0 : value >= 10 ? 1 : 3);
}
