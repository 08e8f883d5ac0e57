/** Unit of a measured value. `percent` and ratios are computed by readers, never stored. */
export type Unit = 'ms' | 'µs' | 'ns' | 'MiB' | 'bytes' | 'requests';

/** One thing that was measured several times. */
export interface Series {
  name: string;
  unit: Unit;
  /** Every run, in the order in which they were made; the warm-up is not among them. */
  runs: number[];
  median: number;
  min: number;
  max: number;
}

/** Sums up runs. @throws {RangeError} where there are none. */
export function summarize(name: string, unit: Unit, runs: readonly number[]): Series {
  const rounded = runs.map(round);
  return {
    name,
    unit,
    runs: rounded,
    median: round(median(rounded)),
    min: Math.min(...rounded),
    max: Math.max(...rounded),
  };
}

/** The middle value; of an even number of values the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('no runs');
  return (lower + upper) / 2;
}

/** Microseconds of a millisecond are noise on any machine; more digits would only look exact. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
