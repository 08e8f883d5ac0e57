/** A metric as it is exported, with all of its series. */
export interface MetricFamily {
  /** Without `_total` and the like. */
  name: string;
  type: 'counter' | 'gauge' | 'histogram' | 'info';
  help?: string;
  /** What the values are, e.g. `seconds`; the name ends with it. */
  unit?: string;
  series: MetricSeries[];
}

/** One series of a metric. */
export interface MetricSeries {
  labels: Record<string, string>;
  /** Of a counter or gauge; 1 of an info. */
  value?: number | bigint;
  /** Of a histogram. */
  histogram?: MetricHistogram;
}

/** Values counted by buckets. */
export interface MetricHistogram {
  /** Upper bound, inclusive → number of values up to it, those of the smaller ones included. Rising. */
  buckets: { bound: number; count: number | bigint }[];
  count: number | bigint;
  /** Absent where nobody adds the values up. */
  sum?: number;
}
