import type { Series } from '../support/statistics.ts';

/** What a benchmark gets. */
export interface BenchmarkContext {
  /** Aborts at Ctrl-C; everything that was started must end then. */
  signal: AbortSignal;
  /** One run of everything, to see that it works; the numbers say nothing. */
  quick: boolean;
  /** Tells what is going on. */
  say: (line: string) => void;
}

/** Series that belong into one table. */
export interface Group {
  title: string;
  series: Series[];
}

/** Two series of one group, side by side. */
export interface Comparison {
  title: string;
  /** Median of ours divided by the median of the peer: below 1 we need less. */
  ratio: number;
}

/** What a benchmark found. */
export interface Findings {
  /** How it was measured, one sentence each. */
  method: string[];
  /** Versions of peers. */
  peers: Record<string, string>;
  groups: Group[];
  comparisons: Comparison[];
  /** Lists for the page, e.g. the requests of one run. */
  lists: { title: string; lines: string[] }[];
  /** Counts that the lists tell of, for programs. */
  counts?: Record<string, number>;
}

/** One benchmark. */
export interface Benchmark {
  name: string;
  /** The question that it answers. */
  question: string;
  /** Why it cannot run here; `undefined` where it can. */
  whyNot: () => Promise<string | undefined>;
  run: (context: BenchmarkContext) => Promise<Findings>;
}

/** Compares two series by their medians. */
export function compare(title: string, ours: Series, peer: Series): Comparison {
  return { title, ratio: Math.round((ours.median / peer.median) * 100) / 100 };
}
