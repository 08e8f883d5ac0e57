import type { Histogram } from './histogram.ts';

const STARS = 40;
/** Slots whose bounds fit into narrow columns. */
const NARROW_SLOTS = 32;

/** A histogram as the tools of bcc and libbpf draw it (libbpf-tools/trace_helpers.c, print_log2_hist and print_linear_hist). */
export function drawHistogram({ kind, unit, step, slots }: Histogram): string[] {
  const last = slots.findLastIndex((count) => Number(count) > 0);
  if (last < 0) return ['(nothing was counted)'];
  const most = slots.reduce<number>((max, count) => Math.max(max, Number(count)), 0);
  if (kind === 'linear') return drawLinear({ unit, step, slots, last, most });
  const isNarrow = last <= NARROW_SLOTS;
  const width = isNarrow ? 10 : 20;
  const head = `${' '.repeat(isNarrow ? 5 : 15)}${unit.padEnd(isNarrow ? 19 : 29)} : count    distribution`;
  const stars = isNarrow ? STARS : STARS / 2;
  const lines = slots.slice(0, last + 1).map((count, slot) => {
    const { low, high } = boundsOf(slot);
    return `${low.padStart(width)} -> ${high.padEnd(width)} : ${String(count).padEnd(8)} |${bar(count, most, stars)}|`;
  });
  return [head, ...lines];
}

function drawLinear({
  unit,
  step,
  slots,
  last,
  most,
}: Pick<Histogram, 'unit' | 'step' | 'slots'> & { last: number; most: number }): string[] {
  const first = slots.findIndex((count) => Number(count) > 0);
  const lines = slots
    .slice(first, last + 1)
    .map(
      (count, i) =>
        `        ${String((first + i) * step).padEnd(10)} : ${String(count).padEnd(8)} |${bar(count, most, STARS)}|`,
    );
  return [`     ${unit.padEnd(13)} : count     distribution`, ...lines];
}

function boundsOf(slot: number): { low: string; high: string } {
  const high = (1n << BigInt(slot + 1)) - 1n;
  const low = slot === 0 ? 0n : 1n << BigInt(slot);
  return { low: low.toString(), high: high.toString() };
}

function bar(count: number | bigint, most: number, width: number): string {
  const stars = Math.floor((Number(count) * width) / most);
  return '*'.repeat(stars).padEnd(width);
}
