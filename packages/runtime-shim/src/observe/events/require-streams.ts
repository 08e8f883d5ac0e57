import { ShimError } from '../../shim-error.ts';
import type { EventHub } from './event-hub.ts';

/** Nothing would ever come of a stream that is misspelt. @throws {ShimError} `ERR_SHIM_NO_EVENTS` for a stream that the service does not have. */
export function requireStreams(
  service: string,
  { streams }: Pick<EventHub, 'streams'>,
  wanted: readonly string[],
): void {
  const names = streams.map(({ name }) => name);
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new ShimError('ERR_SHIM_NO_EVENTS', `${service} has no event stream "${unknown}"`, {
    hint: `It has: ${names.join(', ')}`,
  });
}
