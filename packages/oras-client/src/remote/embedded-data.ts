import type { Descriptor } from '../descriptor.ts';
import { digestOf } from '../digest.ts';

/** Embedded content is taken up to this size, in bytes; descriptors with more are fetched. */
const MAX_EMBEDDED = 64 * 1024;

/**
 * The content that a descriptor carries itself (image-spec descriptor.md, `data`).
 *
 * @returns `undefined` where it carries none, or another one than its size and digest say: then the registry is asked.
 */
export function embeddedData({ data, digest, size }: Descriptor): Uint8Array | undefined {
  if (typeof data !== 'string' || size > MAX_EMBEDDED || data.length > 2 * MAX_EMBEDDED) return undefined;
  const bytes = Buffer.from(data, 'base64');
  return bytes.length === size && digestOf(bytes) === digest ? bytes : undefined;
}
