import { OciError } from '../errors.ts';
import type { HttpRequest } from './http-client.ts';

const TIMEOUT_CODES = /TIMEOUT|ETIMEDOUT/;
/** The certificate's issuer is not known. */
const UNTRUSTED_CODES =
  /^(?:UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT)$/;
const TLS_CODES = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/;
/** Alerts of a peer that refuses the client, or misses its certificate. */
const REFUSED_CLIENT_CODES =
  /^ERR_SSL_.*ALERT_(?:HANDSHAKE_FAILURE|CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_\w+)$/;
/** Nobody was reached: with a proxy, that is the proxy. */
const NO_WAY_CODES = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;
const PROXY_CODES = /^UND_ERR_PRX/;
/** What OpenSSL says to an answer that is no TLS. */
const NOT_TLS_CODES = /ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)|EPROTO/;

/**
 * Turns what undici and Node throw into a typed error. Typed errors, such as those of a body's source, are passed on.
 *
 * @param proxy - host and port of the proxy on the way, where there is one.
 */
export function networkError(error: unknown, { method, url, signal }: HttpRequest, proxy?: string): OciError {
  if (error instanceof OciError) return error;
  const details = { registry: url.host, operation: `${method} ${url.pathname}`, cause: error };
  if (signal?.aborted) return new OciError('ERR_OCI_ABORTED', 'interrupted', details);
  const code = codeOf(error);
  const proxyStatus = /Proxy response \((\d+)\)/.exec(error instanceof Error ? error.message : '')?.[1];
  if (PROXY_CODES.test(code) || proxyStatus !== undefined || (proxy !== undefined && NO_WAY_CODES.test(code))) {
    const which = proxy === undefined ? 'the proxy' : `the proxy ${proxy}`;
    return new OciError('ERR_OCI_PROXY', `${which} on the way to ${url.host} ${proxyReason(proxyStatus)}`, {
      ...details,
      hint: 'Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY, or "proxies" in docker’s config.json; a proxy’s user and password stand in its URL.',
    });
  }
  if (REFUSED_CLIENT_CODES.test(code)) {
    return new OciError(
      'ERR_OCI_CERTIFICATE',
      `${url.host} does not accept the client certificate, or wants one (${code})`,
      {
        ...details,
        hint: 'Give a client certificate and its key with --cert-file and --key-file, or in certs.d.',
      },
    );
  }
  if (TIMEOUT_CODES.test(code)) {
    return new OciError('ERR_OCI_TIMEOUT', `${url.host} did not answer in time (${code})`, details);
  }
  if (NOT_TLS_CODES.test(code)) {
    return new OciError('ERR_OCI_DENIED_PLAIN_HTTP', `${url.host} does not speak HTTPS`, details);
  }
  const hint = hintOf(code, error, url);
  return new OciError('ERR_OCI_UNREACHABLE', `the registry ${url.host} cannot be reached: ${reasonOf(code, error)}`, {
    ...details,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Whether TLS failed because nobody who is known vouches for the host. */
export function isUntrusted(error: unknown): boolean {
  return UNTRUSTED_CODES.test(codeOf(error));
}

function proxyReason(status: string | undefined): string {
  if (status === '407') return 'wants a user and password (HTTP 407)';
  return status === undefined ? 'cannot be reached' : `refused the way (HTTP ${status})`;
}

function hintOf(code: string, error: unknown, url: URL): string | undefined {
  if (TLS_CODES.test(code)) return 'Give the registry’s certificate authority with --ca-file.';
  if (code === 'UND_ERR_SOCKET' && /\.dkr\.ecr[.-]/.test(url.host))
    return 'ECR closes the connection where a repository does not exist: make it first.';
  const { bytesRead } = (error as { socket?: { bytesRead?: unknown } | null } | undefined)?.socket ?? {};
  // With TLS 1.3 a server that misses the client's certificate often closes without a word.
  if (code === 'UND_ERR_SOCKET' && bytesRead === 0 && url.protocol === 'https:')
    return 'Check the registry’s health; if it wants a client certificate, give one with --cert-file and --key-file.';
  return undefined;
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
