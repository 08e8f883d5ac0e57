import type { EventDecoder } from '@bpfship/bpf-object';
import type { EventBatch } from '../events/event-batch.ts';

/** Some fields of the events of one type: only they are decoded. */
export interface PickedFields {
  readonly names: readonly string[];
  /** Their values in one event; undefined where the type, or the event, has no such field. */
  values(batch: EventBatch, index: number): unknown[];
}

/** Picks fields by their paths, e.g. `saddr` or `tuple.saddr`. Default: all of the type, one for each name in its struct. */
export function pickFields({ fields }: EventDecoder, paths?: readonly string[]): PickedFields {
  const names = paths ?? fields.map(({ name }) => name);
  const places = names.map((path) => {
    const [first = '', ...rest] = path.split('.');
    return { position: fields.findIndex(({ name }) => name === first), rest };
  });
  return {
    names,
    values: (batch, index) =>
      places.map(({ position, rest }) => (position < 0 ? undefined : below(batch.value(index, position), rest))),
  };
}

function below(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}
