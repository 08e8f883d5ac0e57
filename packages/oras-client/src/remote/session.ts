import { dockerCredentials } from '../credentials/docker-credentials.ts';
import { OciError } from '../errors.ts';
import { printable } from '../printable.ts';
import { apiHost, isLoopback } from '../reference.ts';
import { Authorizer } from './authorizer.ts';
import { HttpClient, type HttpRequest, type HttpResponse } from './http-client.ts';
import type { RemoteOptions } from './options.ts';

const MAX_RANGE_CONNECTIONS = 8;

/** A request to the registry's API. */
export interface ApiRequest extends Omit<HttpRequest, 'url'> {
  /** Path with query, or a URL that the registry gave. */
  to: string | URL;
  /** e.g. `repository:acme/exec-watch:pull`; several are separated by spaces. */
  scope: string;
}

/** One registry: its connections, its authorization, and what was learnt of it. */
export class RegistrySession {
  readonly registry: string;
  readonly authorizer: Authorizer;
  /** Whether the registry has the referrers API; learnt from the first answer. */
  referrersApi: boolean | undefined;
  /** Connections over which one large blob is fetched. */
  readonly rangeConnections: number;
  readonly #http: HttpClient;
  #base: URL;
  /** Plain HTTP is tried once where there is no TLS. */
  #plainFallback: boolean;
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(registry: string, options: RemoteOptions = {}, repository?: string) {
    const plainHttp = options.plainHttp ?? isLoopback(registry);
    const address = `${plainHttp ? 'http' : 'https'}://${apiHost(registry)}`;
    if (!URL.canParse(address)) {
      throw new OciError('ERR_OCI_INVALID_REFERENCE', `"${printable(registry)}" is not a registry’s host name`);
    }
    this.registry = registry;
    this.#base = new URL(address);
    this.rangeConnections = Math.min(Math.max(Math.trunc(options.rangeConnections ?? 1), 1), MAX_RANGE_CONNECTIONS);
    this.#plainFallback = options.plainHttpFallback ?? false;
    this.#http = new HttpClient(options, () => this.#base);
    const credentials = options.credentials ?? dockerCredentials();
    this.authorizer = new Authorizer({ registry, repository, base: () => this.#base, credentials, http: this.#http });
  }

  /** The registry's address. */
  get base(): URL {
    return this.#base;
  }

  /** How often a request is tried again. */
  get retries(): number {
    return this.#http.retries;
  }

  /** Milliseconds without progress before a transfer is given up. */
  get idleTimeoutMs(): number {
    return this.#http.idleTimeoutMs;
  }

  /** Sends a request with what authorization is known; a 401 is answered and the request repeated once. */
  async send(request: ApiRequest): Promise<HttpResponse> {
    try {
      return await this.#send(request);
    } catch (error) {
      if (!this.#plainFallback || !(error instanceof OciError) || error.code !== 'ERR_OCI_DENIED_PLAIN_HTTP')
        throw error;
      this.#plainFallback = false;
      this.#base = new URL(this.#base.href.replace(/^https:/, 'http:'));
      return this.#send(request);
    }
  }

  async #send(request: ApiRequest): Promise<HttpResponse> {
    const url = request.to instanceof URL ? request.to : new URL(request.to, this.base);
    // A location on another host is written to without credentials (distribution-spec allows such hosts).
    if (url.origin !== this.base.origin) return this.#http.send({ ...request, url });
    const sent = await this.authorizer.header(request.scope, request.signal);
    const response = await this.#http.send({ ...request, url, headers: withAuthorization(request.headers, sent) });
    if (response.status !== 401 || response.url.origin !== this.base.origin) return response;
    const answer = await this.authorizer.answer(response, request.scope, sent, request.signal);
    if (answer === undefined) return response;
    await response.discard();
    return this.#http.send({ ...request, url, headers: withAuthorization(request.headers, answer) });
  }

  /** Runs actions with the same key one after the other. */
  async inTurn<T>(key: string, action: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(key);
    const turn = (before ?? Promise.resolve()).then(action, action);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#queues.set(key, settled);
    try {
      return await turn;
    } finally {
      if (this.#queues.get(key) === settled) this.#queues.delete(key);
    }
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await this.#http.close();
  }
}

function withAuthorization(
  headers: Record<string, string> = {},
  authorization: string | undefined,
): Record<string, string> {
  return authorization === undefined ? headers : { ...headers, authorization };
}
