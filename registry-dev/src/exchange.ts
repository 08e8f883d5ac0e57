import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from './caller.ts';
import type { Reply } from './reply.ts';

/** One request whose address was understood, and that its caller may make. */
export interface Exchange {
  method: string;
  headers: IncomingHttpHeaders;
  url: URL;
  /** Checked against the specification's grammar. */
  repository: string;
  /** What follows the kind in the path: a digest, a tag, an upload's id. Not checked. */
  rest: string;
  caller: Caller;
  /** The request's body, to be read once. Leaving it early does not cut the connection, on which the answer still has to go out. */
  body: () => AsyncIterable<Uint8Array>;
}

/** Answers a request, or throws a `RegistryProblem`. */
export type Handler = (exchange: Exchange) => Promise<Reply> | Reply;

/** Handlers by HTTP method. */
export type Methods = Partial<Record<string, Handler>>;
