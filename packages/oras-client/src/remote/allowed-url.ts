import { OciError } from '../errors.ts';
import { printable } from '../printable.ts';
import { isLoopback } from '../reference.ts';

/** How far an address reaches: everywhere, only inside a private network, only on this machine or link. */
const PUBLIC = 0;
const PRIVATE = 1;
const LOCAL = 2;

/**
 * Checks a URL that a registry names: a token service, a redirect, a place for an upload. A registry must not use us to reach what it
 * cannot reach itself (server-side request forgery, e.g. a cloud's metadata service), nor to give up TLS.
 *
 * @param text - absolute, or relative to `base`.
 * @param registry - the registry's own address; what is on its origin is always allowed.
 * @param what - for messages, e.g. `a redirect`.
 * @throws {OciError} `ERR_OCI_INVALID_RESPONSE`, `ERR_OCI_DENIED_PLAIN_HTTP`.
 */
export function allowedUrl(text: string, base: URL, registry: URL, what: string): URL {
  const details = { registry: registry.host };
  if (!URL.canParse(text, base.href)) {
    throw new OciError('ERR_OCI_INVALID_RESPONSE', `${registry.host} names ${what} that is not a URL`, details);
  }
  const url = new URL(text, base);
  const fail = (why: string): OciError =>
    new OciError('ERR_OCI_INVALID_RESPONSE', `${registry.host} names ${what} that ${why}: ${shown(url)}`, details);
  if (url.username !== '' || url.password !== '') throw fail('carries credentials');
  if (url.origin === registry.origin) return url;
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw fail('is reached neither by HTTPS nor by HTTP');
  if (url.protocol === 'http:' && registry.protocol === 'https:') {
    throw new OciError(
      'ERR_OCI_DENIED_PLAIN_HTTP',
      `${registry.host} names ${what} that is not reached by HTTPS: ${shown(url)}`,
      { ...details, hint: 'Ask the registry’s operator to name HTTPS addresses.' },
    );
  }
  if (reachOf(url) > reachOf(registry)) throw fail('is inside a private network or on this machine');
  return url;
}

/** Without query and path, which may carry secrets. */
function shown(url: URL): string {
  return printable(`${url.protocol}//${url.host}`);
}

/** The host as the URL parser wrote it: other spellings of IPv4 addresses are already in dotted form. */
function reachOf({ hostname, host }: URL): number {
  if (isLoopback(host)) return LOCAL;
  const v4 = mappedV4(hostname) ?? hostname;
  if (/^(?:127|0)\.|^169\.254\./.test(v4) && isV4(v4)) return LOCAL;
  if (/^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(v4) && isV4(v4))
    return PRIVATE;
  if (/^\[(?:::1?\]|fe[89ab][0-9a-f]:)/.test(hostname)) return LOCAL;
  return /^\[f[cd][0-9a-f]{2}:/.test(hostname) ? PRIVATE : PUBLIC;
}

function isV4(host: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(host);
}

/** An IPv4 address written as IPv6, `[::ffff:7f00:1]`. */
function mappedV4(hostname: string): string | undefined {
  const match = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(hostname);
  if (!match) return undefined;
  const [high, low] = [Number.parseInt(match[1] ?? '', 16), Number.parseInt(match[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
