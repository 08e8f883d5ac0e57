import type { MetricFamily, MetricSeries } from './metric-family.ts';

/** The text formats that scrapers read. */
export type ExpositionFormat = 'openmetrics' | 'prometheus';

/** Media types of the formats, as an endpoint answers them. */
export const EXPOSITION_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
};

/** The format that an `Accept` header asks for; the older one where it does not name the newer. */
export function chooseExposition(accept: string | undefined): ExpositionFormat {
  return accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus';
}

/** Metrics as text: OpenMetrics 1.0 with `# EOF`, or Prometheus' 0.0.4. Families of one name and type are one; of another type, the first counts. */
export function renderMetrics(families: readonly MetricFamily[], format: ExpositionFormat = 'openmetrics'): string {
  const lines: string[] = [];
  for (const family of merge(families)) lines.push(...(format === 'openmetrics' ? open(family) : prometheus(family)));
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function merge(families: readonly MetricFamily[]): MetricFamily[] {
  const byName = new Map<string, MetricFamily>();
  for (const family of families) {
    const known = byName.get(family.name);
    if (!known) byName.set(family.name, { ...family, series: [...family.series] });
    else if (known.type === family.type) known.series.push(...family.series);
  }
  return [...byName.values()].map((family) => ({ ...family, series: distinct(family.series) }));
}

/** A series stands once. */
function distinct(series: readonly MetricSeries[]): MetricSeries[] {
  return [...new Map(series.map((each) => [labelText(each.labels), each])).values()];
}

function open(family: MetricFamily): string[] {
  const { name, type, help, unit } = family;
  return [
    `# TYPE ${name} ${type}`,
    // The name must end with it.
    ...(unit !== undefined && name.endsWith(`_${unit}`) ? [`# UNIT ${name} ${unit}`] : []),
    ...(help === undefined ? [] : [`# HELP ${name} ${escapeLabel(help)}`]),
    ...samples(family, name),
  ];
}

/** The older format knows no info, names counters with their `_total`, and has no quotes to escape in its help. */
function prometheus(family: MetricFamily): string[] {
  const { type, help } = family;
  const name = type === 'counter' ? `${family.name}_total` : type === 'info' ? `${family.name}_info` : family.name;
  return [
    ...(help === undefined ? [] : [`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`]),
    `# TYPE ${name} ${type === 'info' ? 'gauge' : type}`,
    ...samples(family, family.name),
  ];
}

function samples({ type, series }: MetricFamily, name: string): string[] {
  const suffix = type === 'counter' ? '_total' : type === 'info' ? '_info' : '';
  return series.flatMap(({ labels, value, histogram }) => {
    if (!histogram) return [`${name}${suffix}${labelText(labels)} ${numberText(value ?? 1)}`];
    const buckets = [...histogram.buckets, { bound: Infinity, count: histogram.count }];
    const lines = buckets.map(
      ({ bound, count }) => `${name}_bucket${labelText({ ...labels, le: numberText(bound) })} ${numberText(count)}`,
    );
    // OpenMetrics wants both or none.
    if (histogram.sum === undefined) return lines;
    return [
      ...lines,
      `${name}_count${labelText(labels)} ${numberText(histogram.count)}`,
      `${name}_sum${labelText(labels)} ${numberText(histogram.sum)}`,
    ];
  });
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number | bigint): string {
  if (value === Infinity) return '+Inf';
  return typeof value === 'number' && Number.isNaN(value) ? 'NaN' : String(value);
}
