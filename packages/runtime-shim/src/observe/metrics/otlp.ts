import type { MetricFamily, MetricHistogram, MetricSeries } from './metric-family.ts';
import { ShimError } from '../../shim-error.ts';

/** AGGREGATION_TEMPORALITY_CUMULATIVE (opentelemetry-proto, metrics.proto). */
const CUMULATIVE = 2;
/** Milliseconds that a collector has for its answer. */
const TIMEOUT_MS = 10_000;

/** Options of {@link encodeOtlp}. */
export interface OtlpOptions {
  /** Nanoseconds since 1970: when counting began, and now. */
  start: bigint;
  now: bigint;
  /** Of the resource, e.g. `host.name`. */
  resource: Record<string, string>;
}

/** Metrics as the JSON of OTLP (opentelemetry-proto, ExportMetricsServiceRequest). 64-bit integers are strings there. */
export function encodeOtlp(families: readonly MetricFamily[], options: OtlpOptions): object {
  return {
    resourceMetrics: [
      {
        resource: { attributes: attributes(options.resource) },
        scopeMetrics: [
          {
            scope: { name: 'bpfship' },
            metrics: families.filter(({ series }) => series.length > 0).map((family) => metric(family, options)),
          },
        ],
      },
    ],
  };
}

function metric({ name, type, help, unit, series }: MetricFamily, options: OtlpOptions): object {
  const head = {
    name,
    ...(help === undefined ? {} : { description: help }),
    ...(unit === undefined ? {} : { unit: unitCode(unit) }),
  };
  if (type === 'histogram') {
    const dataPoints = series.map((each) => histogramPoint(each, options));
    return { ...head, histogram: { aggregationTemporality: CUMULATIVE, dataPoints } };
  }
  const dataPoints = series.map((each) => numberPoint(each, options));
  if (type !== 'counter') return { ...head, gauge: { dataPoints } };
  return { ...head, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } };
}

function numberPoint({ labels, value = 1 }: MetricSeries, { start, now }: OtlpOptions): object {
  const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value);
  return { ...pointHead(labels, start, now), ...(isWhole ? { asInt: String(value) } : { asDouble: value }) };
}

function histogramPoint({ labels, histogram }: MetricSeries, { start, now }: OtlpOptions): object {
  const { buckets, count, sum }: MetricHistogram = histogram ?? { buckets: [], count: 0 };
  const counts = buckets.map((bucket, i) => BigInt(bucket.count) - BigInt(buckets[i - 1]?.count ?? 0));
  const above = BigInt(count) - BigInt(buckets.at(-1)?.count ?? 0);
  return {
    ...pointHead(labels, start, now),
    count: String(count),
    ...(sum === undefined ? {} : { sum }),
    explicitBounds: buckets.map(({ bound }) => bound),
    bucketCounts: [...counts, above].map(String),
  };
}

function pointHead(labels: Record<string, string>, start: bigint, now: bigint): object {
  return { attributes: attributes(labels), startTimeUnixNano: String(start), timeUnixNano: String(now) };
}

function attributes(values: Record<string, string>): object[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: { stringValue: value } }));
}

/** OTLP has units by UCUM's codes. */
function unitCode(unit: string): string {
  return { seconds: 's', bytes: 'By' }[unit] ?? unit;
}

/**
 * Pushes metrics to a collector by OTLP/HTTP.
 *
 * @param endpoint - e.g. `http://localhost:4318/v1/metrics`.
 * @throws {ShimError} `ERR_SHIM_METRICS_PUSH` where it does not take them.
 */
export async function pushOtlp(
  endpoint: string,
  request: object,
  options: { headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<void> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  let answer: Response;
  try {
    answer = await fetch(endpoint, {
      method: 'POST',
      headers: { ...options.headers, 'content-type': 'application/json' },
      body: JSON.stringify(request),
      redirect: 'error',
      signal,
    });
    await answer.arrayBuffer();
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw pushFailed(endpoint, cause instanceof Error ? causeText(cause) : String(cause), cause);
  }
  if (!answer.ok) throw pushFailed(endpoint, `it answered ${answer.status}`);
}

function causeText(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function pushFailed(endpoint: string, reason: string, cause?: unknown): ShimError {
  return new ShimError('ERR_SHIM_METRICS_PUSH', `metrics could not be pushed to ${endpoint}: ${reason}`, {
    hint: 'Check that an OpenTelemetry collector with an OTLP/HTTP receiver listens there; its path is usually /v1/metrics.',
    cause,
  });
}
