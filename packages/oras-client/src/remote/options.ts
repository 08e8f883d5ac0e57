import type { SharedConnections } from './connections.ts';
import type { CredentialSource } from '../credentials/credential.ts';
import type { ProxySettings } from './proxy.ts';
import type { RegistrySettings } from './registries-conf.ts';

/** What is told of every HTTP exchange. URLs carry no secrets. */
export interface RequestEvent {
  method: string;
  url: string;
  status: number;
  /** Bytes of the response's body as read so far; final for what is read wholly. */
  bytes: number;
}

/** How to speak to registries. */
export interface RemoteOptions {
  /** Plain HTTP. Default: only for registries on the loopback interface. */
  plainHttp?: boolean;
  /** Default: docker's and podman's files and helpers. */
  credentials?: CredentialSource;
  /** Default `bpfship`. */
  userAgent?: string;
  /** How often a request is tried again after a passing failure. Default 4. */
  retries?: number;
  /** Speaks plain HTTP where the registry speaks no TLS. Default false. */
  plainHttpFallback?: boolean;
  /** PEM of certificate authorities in addition to the system's. */
  ca?: string;
  /** PEM of a client certificate with its chain, shown to the registry itself only. Default: the host's in certs.d. */
  cert?: string;
  /** PEM of the client certificate's key, without passphrase. */
  key?: string;
  /** Does not verify the registry's own TLS certificate; other hosts that it names are verified. Default false. */
  insecureTls?: boolean;
  /** Folders with certificates of hosts, `HOST:PORT/*.crt`, `*.cert`, `*.key`. Default: podman's and docker's certs.d. */
  certsFolders?: readonly string[];
  /** Headers of every request to the registry itself; other hosts that it names do not get them. */
  headers?: Readonly<Record<string, string>>;
  /** Mirrors, and registries that are elsewhere, insecure or blocked; `false` for none. Default: the machine’s registries.conf. */
  registries?: RegistrySettings | false;
  /** HTTP proxies; `false` for none. Default: those of the environment, else those of docker's config.json. */
  proxies?: ProxySettings | false;
  /** Connections to one host at the same time. Default 8. */
  connectionsPerHost?: number;
  /** For programs that end after a few requests: Node's own HTTP, which loads faster than undici. Proxies are undici's all the same. Default false. */
  fewRequests?: boolean;
  /** Milliseconds without a byte, or with less than 1 KiB, before a transfer is given up. Default 30,000. */
  idleTimeoutMs?: number;
  /** Connections over which one blob of at least 64 MiB is fetched in parts, where the registry knows ranges; at most 8. Default 1. */
  rangeConnections?: number;
  /**
   * Connections that several repositories share, from `shareConnections`; who made them closes them. Then `ca`, `certsFolders`, `proxies`,
   * `connectionsPerHost`, `fewRequests` and the timers of `idleTimeoutMs` are theirs. Default: its own.
   */
  connections?: SharedConnections;
  onRequest?: (event: RequestEvent) => void;
  /** Warnings that the registry sends (RFC 9111 `Warning: 299`). */
  onWarning?: (text: string) => void;
}
