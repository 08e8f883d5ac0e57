import { TrustError } from '../trust-error.ts';
import { decodeBase64 } from '../verify/base64.ts';

/** A PEM block (RFC 7468). */
export interface PemBlock {
  /** e.g. `PUBLIC KEY`. */
  label: string;
  bytes: Buffer;
}

/** Characters of a PEM text that are read; an RSA key of 8192 bits has 6,400. */
const MAX_PEM_LENGTH = 64 * 1024;

/**
 * Reads a text that holds exactly one PEM block. Text around it is allowed, as OpenSSL writes it; a second block is not, since it would be
 * unclear which counts.
 *
 * @throws {TrustError} `ERR_TRUST_KEY_INVALID`; the text never appears in it.
 */
export function readPem(text: string): PemBlock {
  if (text.length > MAX_PEM_LENGTH) throw refuse(`is longer than ${MAX_PEM_LENGTH} characters`);
  const begins = [...text.matchAll(/^-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?$/gm)];
  const [begin] = begins;
  if (!begin) throw refuse('has no PEM block');
  if (begins.length > 1) throw refuse(`has ${begins.length} PEM blocks instead of one`);
  const label = begin[1] ?? '';
  const start = begin.index + begin[0].length;
  const end = text.indexOf(`\n-----END ${label}-----`, start);
  if (end === -1) throw refuse(`has no end of its ${label}`);
  const body = text.slice(start, end);
  if (body.includes(':')) throw refuse('is encrypted in OpenSSL’s old way');
  const bytes = decodeBase64(body.replace(/\s+/g, ''));
  if (!bytes) throw refuse(`has a ${label} that is not base64`);
  return { label, bytes };
}

/** Writes a PEM block. */
export function writePem({ label, bytes }: PemBlock): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function refuse(why: string): TrustError {
  return new TrustError('ERR_TRUST_KEY_INVALID', `the key ${why}`, {
    hint: 'Give one key in PEM: a text that begins with -----BEGIN.',
  });
}
