import type { Readable } from 'node:stream';

/** One HTTP exchange to make. */
export interface TransportRequest {
  /** Scheme, host and port. */
  origin: string;
  /** With query. */
  path: string;
  method: string;
  headers: Record<string, string>;
  body: Uint8Array | Readable | null;
  /** Whether the connection is closed afterwards. */
  reset?: boolean;
  /** Milliseconds to wait for the head of the answer; default: as the transport was made. */
  headersTimeout?: number;
  signal?: AbortSignal;
}

/** An answer whose body has not been read. */
export interface TransportResponse {
  statusCode: number;
  headers: Record<string, string | string[] | undefined>;
  body: AsyncIterable<Uint8Array> & {
    /** Reads up to a limit, in bytes, and lets the rest go. */
    dump(options: { limit: number }): Promise<void>;
  };
}

/** What the client needs of HTTP: undici's dispatchers have it, and {@link NodeTransport}. Redirects are not followed. */
export interface Transport {
  /** Fails with errors of Node or undici, whose codes `networkError` and `isPassing` know. */
  request(request: TransportRequest): Promise<TransportResponse>;
  /** Ends all connections, also those in use. */
  destroy(): Promise<void>;
}
