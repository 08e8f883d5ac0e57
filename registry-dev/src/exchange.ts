import type { IncomingMessage, ServerResponse } from 'node:http';

/** One request whose address was understood. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  /** Checked against the specification's grammar. */
  repository: string;
  /** What follows the kind in the path: a digest, a tag, an upload's id. Not checked. */
  rest: string;
}

/** Answers a request, or throws a `RegistryProblem`. */
export type Handler = (exchange: Exchange) => Promise<void>;

/** Handlers by HTTP method. */
export type Methods = Partial<Record<string, Handler>>;
