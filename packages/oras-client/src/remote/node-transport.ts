import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { TlsSettings } from './tls.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

/** How a {@link NodeTransport} keeps its connections. */
export interface NodeTransportOptions {
  /** To one host. */
  connections: number;
  /** Milliseconds until a connection must stand. */
  connectTimeoutMs: number;
  /** Milliseconds without a byte. */
  idleTimeoutMs: number;
  tls?: TlsSettings;
}

/**
 * HTTP/1.1 by Node itself. For programs that make a few requests and end: undici takes 50 ms of processor time to load and to make its first
 * request, this less than 10.
 */
export class NodeTransport implements Transport {
  readonly #options: NodeTransportOptions;
  readonly #agents = new Map<string, Agent>();
  readonly #running = new Set<ClientRequest>();

  constructor(options: NodeTransportOptions) {
    this.#options = options;
  }

  request(request: TransportRequest): Promise<TransportResponse> {
    return new Promise((resolve, reject) => {
      const outgoing = this.#open(new URL(request.origin), request);
      const state: Exchange = { answered: false, response: undefined };
      this.#running.add(outgoing);
      outgoing.once('close', () => this.#running.delete(outgoing));
      // After the answer an error is the answer's, which tells it itself: a registry may answer and close before all of a body was sent.
      outgoing.on('error', (error) => reject(withTlsReason(error)));
      outgoing.once('response', (response) => {
        state.answered = true;
        state.response = response;
        // It comes again from the iteration; here it only must not end the process.
        response.on('error', () => undefined);
        outgoing.setTimeout(this.#options.idleTimeoutMs);
        resolve({
          statusCode: response.statusCode ?? 0,
          headers: response.headers,
          body: Object.assign(response, { dump }) as TransportResponse['body'],
        });
      });
      limitConnecting(outgoing, this.#options.connectTimeoutMs);
      limitIdling(outgoing, request.headersTimeout ?? this.#options.idleTimeoutMs, state);
      sendBody(outgoing, request.body, state);
    });
  }

  async destroy(): Promise<void> {
    for (const outgoing of this.#running) outgoing.destroy();
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #open(origin: URL, { path, method, headers, signal }: TransportRequest): ClientRequest {
    // Not by import, which would ask for every export of the module: getters among them load half of Node.
    const { Agent: HttpAgent, request } =
      origin.protocol === 'https:' ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http');
    const known = this.#agents.get(origin.protocol);
    const { connections, tls = {} } = this.#options;
    const agent = known ?? new HttpAgent({ keepAlive: true, maxSockets: connections, ...tls });
    this.#agents.set(origin.protocol, agent);
    const options: RequestOptions = { path, method, headers, agent, ...(signal ? { signal } : {}) };
    return request(origin, options);
  }
}

interface Exchange {
  answered: boolean;
  response: IncomingMessage | undefined;
}

function limitConnecting(outgoing: ClientRequest, milliseconds: number): void {
  outgoing.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => outgoing.destroy(failure('UND_ERR_CONNECT_TIMEOUT')), milliseconds);
    const stop = (): void => clearTimeout(timer);
    socket.once('connect', stop);
    outgoing.once('close', stop);
  });
}

/** Ends an exchange in which nothing moves; one whose reader is slow is not meant. */
function limitIdling(outgoing: ClientRequest, milliseconds: number, state: Exchange): void {
  outgoing.setTimeout(milliseconds);
  outgoing.on('timeout', () => {
    const { response } = state;
    if (response === undefined) outgoing.destroy(failure('UND_ERR_HEADERS_TIMEOUT'));
    else if (response.readableLength > 0) response.socket.setTimeout(milliseconds);
    else response.destroy(failure('UND_ERR_BODY_TIMEOUT'));
  });
}

/** An alert may come as EPROTO where something was being written; its reason makes the code that reading would have given. */
function withTlsReason(error: Error & { code?: string; reason?: unknown }): Error {
  if (error.code === 'EPROTO' && typeof error.reason === 'string')
    error.code = `ERR_SSL_${error.reason.toUpperCase().replaceAll(' ', '_')}`;
  return error;
}

function failure(code: string): Error {
  return Object.assign(new Error('nothing came in time'), { code });
}

function sendBody(outgoing: ClientRequest, body: TransportRequest['body'], state: Exchange): void {
  if (body === null) outgoing.end();
  else if (body instanceof Uint8Array) outgoing.end(body);
  else {
    body.on('error', (error) => {
      // The source failed: what was sent must not pass for the whole.
      if (!state.answered) outgoing.destroy(error);
    });
    outgoing.once('close', () => body.destroy());
    body.pipe(outgoing);
  }
}

async function dump(this: IncomingMessage, { limit }: { limit: number }): Promise<void> {
  let size = 0;
  for await (const chunk of this as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > limit) break;
  }
}
