import {
  type BpfMap,
  type BpfObject,
  BpfObjectError,
  createDecoder,
  type FieldFormat,
  findField,
} from '@bpfship/bpf-object';
import { type EventStream, FIELD_FORMATS, type ServiceMetric } from '@bpfship/media-types';

/** What does not hold: the sentence goes on after "the object … of variant …". */
export interface Complaint {
  what: string;
  hint: string;
}

/** Map types that carry events. */
const EVENT_MAP_TYPES: readonly string[] = ['ringbuf', 'perf_event_array'];

/** What "events" says of an object and is not so; undefined where all is well. */
export function checkEvents({ btf, maps }: BpfObject, events: readonly EventStream[]): Complaint | undefined {
  for (const { map: name, type, fields = [] } of events) {
    const map = maps.find((candidate) => candidate.name === name);
    if (map === undefined) return missingMap(name, 'events', maps);
    if (!EVENT_MAP_TYPES.includes(map.type)) {
      const hint = 'Events go through a BPF_MAP_TYPE_RINGBUF or BPF_MAP_TYPE_PERF_EVENT_ARRAY.';
      return { what: `has a map "${name}" of type ${map.type}, which carries no events`, hint };
    }
    if (!btf || btf.typesNamed(type, 'struct').length === 0) {
      const hint = `clang keeps only types that maps, functions or variables use: make struct ${type} the value of a map.`;
      return { what: `has no struct ${type} in its BTF, which "events" names`, hint };
    }
    if (fields.length === 0) continue;
    try {
      createDecoder(btf, type, { formats: knownFormats(fields) });
    } catch (error) {
      if (!(error instanceof BpfObjectError)) throw error;
      return {
        what: `has another struct ${type} than "events" says: ${error.message}`,
        hint: `Formats: ${FIELD_FORMATS.join(', ')}.`,
      };
    }
  }
  return undefined;
}

function knownFormats(fields: NonNullable<EventStream['fields']>): Record<string, FieldFormat> {
  return Object.fromEntries(fields.map(({ name, format }) => [name, format as FieldFormat]));
}

/** What "metrics" says of an object and is not so; undefined where all is well. */
export function checkMetrics(object: BpfObject, metrics: readonly ServiceMetric[]): Complaint | undefined {
  for (const metric of metrics) {
    const complaint = checkMetric(object, metric);
    if (complaint) return complaint;
  }
  return undefined;
}

function checkMetric({ btf, maps }: BpfObject, metric: ServiceMetric): Complaint | undefined {
  const map = maps.find(({ name }) => name === metric.map);
  if (map === undefined) return missingMap(metric.map, 'metrics', maps);
  const { keyType, valueType } = map;
  if (!btf || keyType === undefined || valueType === undefined) {
    const hint = 'Define the map with __type(key, …) and __type(value, …).';
    return { what: `does not say the types of the map "${map.name}", which the metric "${metric.name}" names`, hint };
  }
  const content = findField(btf, valueType, metric.value ?? '');
  const isFit = content === 'number' || (content === 'numbers' && metric.type === 'histogram');
  if (!isFit) return noField(metric, metric.value ?? '', `the value of map "${map.name}" a number`);
  if (metric.sum !== undefined && findField(btf, valueType, metric.sum) !== 'number')
    return noField(metric, metric.sum, `the value of map "${map.name}" a number`);
  for (const { field = '' } of metric.labels ?? []) {
    if (findField(btf, keyType, field) === undefined)
      return noField(metric, field, `the key of map "${map.name}" a field`);
  }
  return undefined;
}

function noField({ name }: ServiceMetric, path: string, what: string): Complaint {
  return {
    what: `has in ${what.replace(/ a (\w+)$/, ` no $1${path === '' ? '' : ` "${path}"`}`)}, which the metric "${name}" names`,
    hint: 'A path names a field of the struct, e.g. "tuple.saddr"; without one, the whole key or value counts.',
  };
}

function missingMap(name: string, list: string, maps: readonly BpfMap[]): Complaint {
  return {
    what: `has no map "${name}", which "${list}" names`,
    hint: `It has: ${maps.map((other) => other.name).join(', ')}.`,
  };
}
