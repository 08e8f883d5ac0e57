import { OciError } from '../errors.ts';
import type { HttpRequest } from './http-client.ts';

const TIMEOUT_CODES = /TIMEOUT|ETIMEDOUT/;
const TLS_CODES = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/;
/** What OpenSSL says to an answer that is no TLS. */
const NOT_TLS_CODES = /ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)|EPROTO/;

/** Turns what undici and Node throw into a typed error. Typed errors, such as those of a body's source, are passed on. */
export function networkError(error: unknown, { method, url, signal }: HttpRequest): OciError {
  if (error instanceof OciError) return error;
  const details = { registry: url.host, operation: `${method} ${url.pathname}`, cause: error };
  if (signal?.aborted) return new OciError('ERR_OCI_ABORTED', 'interrupted', details);
  const code = codeOf(error);
  if (TIMEOUT_CODES.test(code)) {
    return new OciError('ERR_OCI_TIMEOUT', `${url.host} did not answer in time (${code})`, details);
  }
  if (NOT_TLS_CODES.test(code)) {
    return new OciError('ERR_OCI_DENIED_PLAIN_HTTP', `${url.host} does not speak HTTPS`, details);
  }
  const hint = TLS_CODES.test(code) ? { hint: 'Give the registry’s certificate authority with --ca-file.' } : {};
  return new OciError('ERR_OCI_UNREACHABLE', `the registry ${url.host} cannot be reached: ${reasonOf(code, error)}`, {
    ...details,
    ...hint,
  });
}

function reasonOf(code: string, error: unknown): string {
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ENOTFOUND') return 'there is no host of this name';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return `the connection broke (${code})`;
  return code || String(error);
}

/** A failure on all addresses of a host comes as an AggregateError. */
function codeOf(error: unknown): string {
  const { code, errors } = (error ?? {}) as { code?: unknown; errors?: unknown[] };
  if (typeof code === 'string') return code;
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : '';
}
