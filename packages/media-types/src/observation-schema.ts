import { z } from 'zod';
import type { EventStream, ServiceMetric } from './observation.ts';
import { CName, Word, line } from './primitives.ts';

/** A path through structs, e.g. `tuple.saddr`. */
export const FieldPath: z.ZodString = z
  .string()
  .max(512, { abort: true })
  .regex(/^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$/, 'must be names of fields, joined by dots');

/** Name of a metric or label as the exposition formats allow them, without what they reserve. */
export const MetricName: z.ZodString = z
  .string()
  .max(128, { abort: true })
  .regex(/^[a-zA-Z][a-zA-Z0-9_]*$/, 'must be a letter, then letters, digits and _');

/** Canonical JSON holds integers only. */
const Positive = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

/** Schema of an event stream. */
export const EventStreamSchema: z.ZodType<EventStream> = z.looseObject({
  map: CName,
  type: CName,
  description: line(1024).exactOptional(),
  fields: z
    .array(z.looseObject({ name: FieldPath, format: Word }))
    .max(1024)
    .exactOptional(),
});

/** Schema of a declared metric. */
export const ServiceMetricSchema: z.ZodType<ServiceMetric> = z
  .looseObject({
    name: MetricName,
    type: z.enum(['counter', 'gauge', 'histogram']),
    map: CName,
    description: line(1024).exactOptional(),
    unit: MetricName.exactOptional(),
    value: FieldPath.exactOptional(),
    divisor: Positive.exactOptional(),
    labels: z
      .array(z.looseObject({ name: MetricName, field: FieldPath.exactOptional() }))
      .max(32)
      .exactOptional(),
    slots: z.enum(['log2', 'linear']).exactOptional(),
    step: Positive.exactOptional(),
    sum: FieldPath.exactOptional(),
  })
  .refine(({ type, slots, step, sum }) => type === 'histogram' || (slots ?? step ?? sum) === undefined, {
    path: ['type'],
    error: 'must be histogram where there are slots, step or sum',
  });
