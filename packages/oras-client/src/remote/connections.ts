import { HostPauses } from './host-pauses.ts';
import type { RemoteOptions } from './options.ts';
import { environmentProxies, proxyFor, type ProxySettings } from './proxy.ts';
import { type OwnTls, type TlsSettings, tlsSettings } from './tls.ts';
import type { Transport } from './transport.ts';

const CONNECT_TIMEOUT_MS = 15_000;
/** To one host. More would only wait for each other. */
const CONNECTIONS = 8;

/** What connections are made by; the same for all that share them. */
export type ConnectionOptions = Pick<
  RemoteOptions,
  'ca' | 'certsFolders' | 'connectionsPerHost' | 'fewRequests' | 'idleTimeoutMs' | 'proxies'
>;

/** Pooled connections. */
export interface Connections {
  /** How long hosts want to be left alone. */
  readonly pauses: HostPauses;
  /** The way to a host: through a proxy, or direct. @param own - TLS of the registry, only where the URL is on its own origin. */
  to(url: URL, own?: OwnTls): Promise<Transport>;
  /** Host and port of the proxy on the way to a host, for messages. */
  proxyOf(url: URL): string | undefined;
  /** Connections from now on also believe the operating system's authorities. @returns false where they did already. */
  trustSystem(): boolean;
  close(): Promise<void>;
}

/** Connections that are opened with the first request, and that several repositories use. */
export interface SharedConnections extends AsyncDisposable {
  open(): Promise<Connections>;
}

/** Connections to be shared by many repositories, mostly of few registries: opening a connection costs more than a request. */
export function shareConnections(options: ConnectionOptions = {}): SharedConnections {
  let opened: Promise<Connections> | undefined;
  return {
    open: () => (opened ??= openConnections(options)),
    async [Symbol.asyncDispose]() {
      await (await opened)?.close();
    },
  };
}

/** Makes the pools. undici takes a while to load, so this is done with the first request, or only where a proxy needs it. */
export async function openConnections(options: ConnectionOptions): Promise<Connections> {
  const proxies = options.proxies === false ? undefined : (options.proxies ?? (await usualProxies()));
  const idle = options.idleTimeoutMs ?? 30_000;
  const connections = options.connectionsPerHost ?? CONNECTIONS;
  // One connection of HTTP/2 is slower for big blobs than several of HTTP/1.1.
  const settings = { headersTimeout: idle, bodyTimeout: idle, connections, allowH2: false };
  const direct = async (tls: TlsSettings): Promise<Transport> => {
    if (options.fewRequests) {
      const { NodeTransport } = await import('./node-transport.ts');
      return new NodeTransport({ connections, connectTimeoutMs: CONNECT_TIMEOUT_MS, idleTimeoutMs: idle, tls });
    }
    const { Agent } = await import('undici');
    return new Agent({ ...settings, connect: { timeout: CONNECT_TIMEOUT_MS, ...tls } });
  };
  let plain: Promise<Transport> | undefined;
  const opened = new Map<string, Promise<Transport>>();
  let system = false;

  const open = async (url: URL, own: OwnTls | undefined): Promise<Transport> => {
    const proxy = proxyFor(url, proxies);
    const tls = url.protocol === 'https:' ? await tlsSettings(url, own, options, system) : {};
    if (proxy) {
      const uri = proxy.href;
      const proxyTls = proxy.protocol === 'https:' ? await tlsSettings(proxy, undefined, options, system) : {};
      // Bundles have a part of undici only, of which the proxies' is not loaded before it is named: tools/undici-part.cjs.
      const { ProxyAgent } = await import('undici');
      return new ProxyAgent({ ...settings, uri, requestTls: tls, proxyTls, connectTimeout: CONNECT_TIMEOUT_MS });
    }
    if (Object.keys(tls).length > 0) return direct(tls);
    return (plain ??= direct({}));
  };
  return {
    pauses: new HostPauses(),
    to(url, own) {
      const key = `${system} ${url.origin} ${own ? JSON.stringify([own.cert, own.key, own.insecureTls]) : ''}`;
      const known = opened.get(key) ?? open(url, own);
      opened.set(key, known);
      return known;
    },
    proxyOf: (url) => proxyFor(url, proxies)?.host,
    trustSystem() {
      const before = system;
      system = true;
      return !before;
    },
    async close() {
      const settled = await Promise.allSettled(opened.values());
      const transports = new Set<Transport>(settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
      await Promise.all([...transports].map((transport) => transport.destroy()));
    },
  };
}

/** Proxies of the environment; where it names none, those of docker's config.json. */
async function usualProxies(): Promise<ProxySettings | undefined> {
  const named = environmentProxies(process.env);
  if (named) return named;
  const { dockerProxies } = await import('../credentials/docker-credentials.ts');
  return dockerProxies();
}
