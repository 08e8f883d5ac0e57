import { Readable } from 'node:stream';
import { chunksOf, type Content } from '../content/content.ts';
import { OciError, throwIfAborted } from '../errors.ts';
import { allowedUrl } from './allowed-url.ts';
import { type Connections, openConnections } from './connections.ts';
import { isUntrusted, networkError } from './network-error.ts';
import type { RemoteOptions } from './options.ts';
import type { OwnTls } from './tls.ts';
import { redact } from './redact.ts';
import { isPassing, isPassingStatus, pauseOf, waitBeforeRetry } from './retry.ts';
import { withoutTrickle } from './trickle.ts';
import type { TransportResponse } from './transport.ts';
import { createWarningSink } from './warnings.ts';

const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** One HTTP request. */
export interface HttpRequest {
  method: string;
  url: URL;
  headers?: Record<string, string>;
  body?: Content | undefined;
  /** Length of a streamed body. */
  bodySize?: number;
  /** Default true. Redirected requests carry neither credentials nor a body. */
  followRedirects?: boolean;
  /** Milliseconds to wait for the answer when all is sent. Default: the idle time. */
  answerTimeoutMs?: number;
  /** Goes out also while the host wants to be left alone. Default false. */
  atOnce?: boolean;
  /** How often it is tried again. Default: as the client's options say. */
  retries?: number;
  signal?: AbortSignal | undefined;
}

/** One HTTP response. Its body must be read or discarded. */
export interface HttpResponse {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Where the response came from, after redirects. */
  url: URL;
  /** Fails with typed errors only. */
  body: AsyncIterable<Uint8Array>;
  /** Reads the whole body. @throws {OciError} `ERR_OCI_SIZE_EXCEEDED` and those of the network. */
  bytes(limit: number): Promise<Uint8Array>;
  /** Reads a little and lets the rest go. */
  discard(): Promise<void>;
}

/** Sends requests: pooled connections, time-outs, retries of what can be repeated, redirects without credentials, no cookies. */
export class HttpClient {
  /** How often a request is tried again. */
  readonly retries: number;
  /** Milliseconds without progress before a transfer is given up. */
  readonly idleTimeoutMs: number;
  readonly #options: RemoteOptions;
  readonly #registry: () => URL;
  readonly #warnings: (header: string | string[] | undefined) => void;
  #connections: Promise<Connections> | undefined;

  /** @param registry - its address, by which redirects are judged. */
  constructor(options: RemoteOptions, registry: () => URL) {
    this.#options = options;
    this.#registry = registry;
    this.retries = options.retries ?? 4;
    this.idleTimeoutMs = options.idleTimeoutMs ?? 30_000;
    this.#warnings = createWarningSink(options.onWarning);
  }

  /** @throws {OciError} `ERR_OCI_UNREACHABLE`, `ERR_OCI_TIMEOUT`, `ERR_OCI_ABORTED` and others. Any status is a response. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const retries = request.retries ?? this.retries;
    for (let attempt = 0; ; attempt++) {
      throwIfAborted(request.signal);
      const connections = await this.#open();
      const { pauses } = connections;
      if (!request.atOnce) await pauses.wait(request.url.origin, request.signal);
      let response: HttpResponse | undefined;
      try {
        response = await this.#sendOnce(request);
      } catch (error) {
        if (request.signal?.aborted || attempt >= retries || !isPassing(error))
          throw networkError(error, request, connections.proxyOf(request.url));
      }
      if (response && (attempt >= retries || !isPassingStatus(response.status))) {
        pauses.pause(response.url.origin, pauseOf(response.status, response.headers['retry-after']));
        return response;
      }
      await response?.discard();
      if (response) pauses.pause(response.url.origin, pauseOf(response.status, response.headers['retry-after']));
      await waitBeforeRetry(attempt, response?.headers['retry-after'], request.signal);
    }
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    const connections = this.#connections;
    this.#connections = undefined;
    if (this.#options.connections === undefined) await (await connections)?.close();
  }

  async #sendOnce(request: HttpRequest): Promise<HttpResponse> {
    let { url } = request;
    let headers = request.headers ?? {};
    for (let hop = 0; ; hop++) {
      const response = await this.#exchange({ ...request, url, headers });
      const location = response.headers['location'];
      if (!REDIRECTS.has(response.status) || typeof location !== 'string') return response;
      if (request.followRedirects === false || !['GET', 'HEAD'].includes(request.method)) return response;
      await response.discard();
      if (hop >= MAX_REDIRECTS) {
        throw new OciError(
          'ERR_OCI_INVALID_RESPONSE',
          `${request.url.host} redirects more than ${MAX_REDIRECTS} times`,
          { registry: request.url.host, operation: `${request.method} ${request.url.pathname}` },
        );
      }
      const next = allowedUrl(location, url, this.#registry(), 'a redirect');
      if (next.origin !== request.url.origin) headers = withoutSecrets(headers);
      url = next;
    }
  }

  #open(): Promise<Connections> {
    this.#connections ??= this.#options.connections?.open() ?? openConnections(this.#options);
    return this.#connections;
  }

  async #exchange(request: HttpRequest): Promise<HttpResponse> {
    const connections = await this.#open();
    try {
      return await this.#exchangeOver(connections, request);
    } catch (error) {
      // Node knows its own list of authorities; the system's are read only where that list was not enough.
      if (!isUntrusted(error) || !connections.trustSystem()) throw error;
      return this.#exchangeOver(connections, request);
    }
  }

  async #exchangeOver(connections: Connections, request: HttpRequest): Promise<HttpResponse> {
    const { body, bodySize, method, url, signal, answerTimeoutMs } = request;
    const own = url.origin === this.#registry().origin;
    const transport = await connections.to(url, own ? this.#ownTls() : undefined);
    const response = await transport.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: {
        'user-agent': this.#options.userAgent ?? 'bpfship',
        ...(own ? this.#options.headers : {}),
        ...(typeof body === 'function' && bodySize !== undefined ? { 'content-length': String(bodySize) } : {}),
        ...request.headers,
      },
      body: body === undefined ? null : body instanceof Uint8Array ? body : asReadable(body),
      // undici would close the connection after each HEAD, for servers that send a body with it: those harm themselves.
      reset: false,
      ...(answerTimeoutMs === undefined ? {} : { headersTimeout: answerTimeoutMs }),
      ...(signal ? { signal } : {}),
    });
    this.#warnings(response.headers['warning']);
    return this.#wrap(response, request);
  }

  #ownTls(): OwnTls {
    const { cert, key, insecureTls } = this.#options;
    return {
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(insecureTls ? { insecureTls } : {}),
    };
  }

  #wrap(response: TransportResponse, request: HttpRequest): HttpResponse {
    const { method, url } = request;
    const event = { method, url: redact(url), status: response.statusCode, bytes: 0 };
    this.#options.onRequest?.(event);
    const idleMs = this.idleTimeoutMs;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of withoutTrickle(response.body, idleMs, url.host)) {
          event.bytes += chunk.length;
          yield chunk;
        }
      } catch (error) {
        throw networkError(error, request);
      }
    };
    return {
      status: response.statusCode,
      headers: response.headers,
      url,
      body: counted(),
      bytes: (limit) => readAll(counted(), limit, url.host),
      discard: () => response.body.dump({ limit: 64 * 1024 }).catch(() => undefined),
    };
  }
}

async function readAll(body: AsyncIterable<Uint8Array>, limit: number, host: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) {
      throw new OciError('ERR_OCI_SIZE_EXCEEDED', `${host} sent more than ${limit} bytes`, { registry: host });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function withoutSecrets(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^(?:authorization|cookie|proxy-authorization)$/i.test(name)),
  );
}

function asReadable(content: Content): Readable {
  return Readable.from(chunksOf(content), { objectMode: false });
}
