/**
 * How a field's bytes are shown, where its C type does not say it (spec/btf-index.md, "Field formats"). An index may name formats of later
 * versions, which a reader that does not know them passes over.
 */
export const FIELD_FORMATS = [
  'ipv4',
  'ipv6',
  'mac',
  'big-endian',
  'monotonic',
  'boottime',
  'unix-time',
  'since-boot',
  'hex',
  'text',
  'plain',
] as const;

/** How one field of an event is shown. */
export interface EventField {
  /** Path of the field, e.g. `saddr` or `tuple.saddr`. */
  name: string;
  /** One of {@link FIELD_FORMATS}. */
  format: string;
}

/** A map that carries events, and the C type of one event. */
export interface EventStream {
  /** Name of a ring buffer or perf event array. */
  map: string;
  /** Name of a struct in the object's BTF, without `struct`. */
  type: string;
  description?: string;
  /** Fields whose format neither their C type nor the conventions tell. */
  fields?: EventField[];
}

/** A metric whose values a map holds: one series for each entry. */
export interface ServiceMetric {
  /** Name without the service's, e.g. `requests`. */
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  map: string;
  description?: string;
  /** Unit of the exported value, e.g. `seconds`; becomes part of the name. */
  unit?: string;
  /** Path of the number in the map's value; for a histogram, of the array of its slots. Default: the value itself. */
  value?: string;
  /** What the number is divided by, e.g. 1000000000 for nanoseconds that are exported as seconds; for a histogram, its bounds and sum. */
  divisor?: number;
  /** Labels from the map's key. Default: none, and entries are added up. */
  labels?: MetricLabel[];
  /** For histograms: what the slots stand for. Default `log2`: slot i counts values from 2^i on. */
  slots?: 'log2' | 'linear';
  /** For linear slots: the width of one. Default 1. */
  step?: number;
  /** For histograms: path of the sum of all values in the map's value. */
  sum?: string;
}

/** A label of a metric. */
export interface MetricLabel {
  name: string;
  /** Path of the field in the map's key. Default: the key itself. */
  field?: string;
}
