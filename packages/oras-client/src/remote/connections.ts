import type { Dispatcher } from 'undici';
import { isLoopback } from '../reference.ts';
import type { RemoteOptions } from './options.ts';

const CONNECT_TIMEOUT_MS = 15_000;
/** To one host. More would only wait for each other. */
const CONNECTIONS = 8;

/** Pooled connections. */
export interface Connections {
  /** The way to a host: through the proxy of the environment, or direct. */
  to(url: URL): Dispatcher;
  close(): Promise<void>;
}

/** Connections that are opened with the first request, and that several repositories use. */
export interface SharedConnections extends AsyncDisposable {
  open(): Promise<Connections>;
}

/** Connections to be shared by many repositories, mostly of few registries: opening a connection costs more than a request. */
export function shareConnections(options: Pick<RemoteOptions, 'ca' | 'idleTimeoutMs'> = {}): SharedConnections {
  let opened: Promise<Connections> | undefined;
  return {
    open: () => (opened ??= openConnections(options)),
    async [Symbol.asyncDispose]() {
      await (await opened)?.close();
    },
  };
}

/** Loads undici and makes the pools. undici takes a while to load, so this is done with the first request. */
export async function openConnections(options: RemoteOptions): Promise<Connections> {
  // Bundles have a part of undici only, of which the proxies' is not loaded before it is named: tools/undici-part.cjs.
  const undici = await import('undici');
  const idle = options.idleTimeoutMs ?? 30_000;
  const tls = options.ca === undefined ? {} : { ca: await withSystemAuthorities(options.ca) };
  const settings = {
    connect: { timeout: CONNECT_TIMEOUT_MS, ...tls },
    headersTimeout: idle,
    bodyTimeout: idle,
    connections: CONNECTIONS,
    // One connection of HTTP/2 is slower for big blobs than several of HTTP/1.1.
    allowH2: false,
  };
  const direct = new undici.Agent(settings);
  const hasProxy = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].some((name) => process.env[name]);
  const proxied = hasProxy ? new undici.EnvHttpProxyAgent({ ...settings, requestTls: tls }) : direct;
  return {
    // A proxy cannot reach this machine's loopback interface; Go's clients leave it out as well.
    to: (url) => (isLoopback(url.host) ? direct : proxied),
    async close() {
      await Promise.all([direct.destroy(), ...(proxied === direct ? [] : [proxied.destroy()])]);
    },
  };
}

/** TLS takes a given list instead of the system's, not in addition to it. */
async function withSystemAuthorities(ca: string): Promise<string[]> {
  const { getCACertificates } = await import('node:tls');
  return [...getCACertificates('default'), ca];
}
