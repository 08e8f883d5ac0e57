/**
 * Decodes base64 of the standard alphabet in its one canonical form (RFC 4648 sections 3.5 and 4): no white space, padding as it must be,
 * unused bits zero. `undefined` for everything else, the empty text, and what is not a text.
 */
export function decodeBase64(value: unknown): Buffer | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const bytes = Buffer.from(value, 'base64');
  // Buffer skips what it does not know, so only writing it again shows whether this is the canonical form.
  return bytes.toString('base64') === value ? bytes : undefined;
}
