import type { SharedConnections } from './connections.ts';
import type { CredentialSource } from '../credentials/credential.ts';

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
  /** PEM of certificate authorities in addition to the system's. */
  ca?: string;
  /** Milliseconds without a byte before a transfer is given up. Default 30,000. */
  idleTimeoutMs?: number;
  /** Connections that several repositories share, from `shareConnections`; who made them closes them. Then `ca` and `idleTimeoutMs` are theirs. Default: its own. */
  connections?: SharedConnections;
  onRequest?: (event: RequestEvent) => void;
  /** Warnings that the registry sends (RFC 9111 `Warning: 299`). */
  onWarning?: (text: string) => void;
}
