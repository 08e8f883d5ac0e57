import { BlockList, isIP } from 'node:net';
import { OciError } from '../errors.ts';
import { isLoopback } from '../reference.ts';

/** Which proxy leads to which host; as the variables `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`. */
export interface ProxySettings {
  /** URL of the proxy for `http:`. */
  httpProxy?: string;
  /** URL of the proxy for `https:`. */
  httpsProxy?: string;
  /** Hosts, domains, addresses and networks that are reached without a proxy, separated by commas. */
  noProxy?: string;
}

/** The proxies that an environment names. Lower case goes first, as in curl and Go; an empty variable names none. */
export function environmentProxies(env: Readonly<Record<string, string | undefined>>): ProxySettings | undefined {
  const httpProxy = env['http_proxy'] ?? env['HTTP_PROXY'];
  const httpsProxy = env['https_proxy'] ?? env['HTTPS_PROXY'];
  const noProxy = env['no_proxy'] ?? env['NO_PROXY'];
  if (!httpProxy && !httpsProxy) return undefined;
  return {
    ...(httpProxy ? { httpProxy } : {}),
    ...(httpsProxy ? { httpsProxy } : {}),
    ...(noProxy ? { noProxy } : {}),
  };
}

/**
 * The proxy on the way to a URL. A proxy cannot reach this machine's loopback interface, so that is left out, as Go's clients do.
 *
 * @throws {OciError} `ERR_OCI_PROXY` for an address that is none; it is not shown, since it may hold a password.
 */
export function proxyFor(url: URL, settings: ProxySettings | undefined): URL | undefined {
  const address = url.protocol === 'https:' ? settings?.httpsProxy : settings?.httpProxy;
  if (!address || isLoopback(url.host) || isExcluded(url, settings?.noProxy ?? '')) return undefined;
  const text = address.includes('://') ? address : `http://${address}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy && /^(?:https?|socks5?):$/.test(proxy.protocol) && proxy.hostname !== '') return proxy;
  throw new OciError('ERR_OCI_PROXY', `the proxy for ${url.protocol.slice(0, -1)} is not given as a URL`, {
    registry: url.host,
    hint: 'Write it like http://proxy.example:3128 in HTTPS_PROXY and HTTP_PROXY, or in "proxies" of docker’s config.json.',
  });
}

/** `NO_PROXY` as Go reads it: `*`, `host`, `.domain`, `domain` with what is below it, `host:port`, an address, a network `10.0.0.0/8`. */
function isExcluded(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return noProxy
    .split(/[\s,]+/)
    .filter(Boolean)
    .some((entry) => matches(entry.toLowerCase(), host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const network = /^(.+)\/(\d{1,3})$/.exec(entry);
  if (network) return isInside(host, network[1] ?? '', Number(network[2]));
  const [, name = '', only] = /^(.*?)(?::(\d+))?$/.exec(isIP(entry) === 6 ? `${entry}:` : entry) ?? [];
  if (only !== undefined && only !== port) return false;
  const bare = name.replace(/^\[|\]$|:$/g, '').replace(/^\*?\./, '');
  if (bare === '') return false;
  const onlyBelow = /^\*?\./.test(name);
  return (!onlyBelow && host === bare) || (isIP(host) === 0 && host.endsWith(`.${bare}`));
}

function isInside(host: string, network: string, bits: number): boolean {
  const version = isIP(host);
  if (version === 0 || version !== isIP(network) || bits > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, bits, family);
  return list.check(host, family);
}
