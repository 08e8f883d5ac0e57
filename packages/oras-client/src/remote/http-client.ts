import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { chunksOf, type Content } from '../content/content.ts';
import { OciError, throwIfAborted } from '../errors.ts';
import { printable } from '../printable.ts';
import { allowedUrl } from './allowed-url.ts';
import { type Connections, openConnections } from './connections.ts';
import { networkError } from './network-error.ts';
import type { RemoteOptions } from './options.ts';
import { redact } from './redact.ts';
import { isPassing, isPassingStatus, waitBeforeRetry } from './retry.ts';

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
  readonly #options: RemoteOptions;
  readonly #registry: URL;
  #connections: Promise<Connections> | undefined;

  /** @param registry - its address, by which redirects are judged. */
  constructor(options: RemoteOptions, registry: URL) {
    this.#options = options;
    this.#registry = registry;
    this.retries = options.retries ?? 4;
  }

  /** @throws {OciError} `ERR_OCI_UNREACHABLE`, `ERR_OCI_TIMEOUT`, `ERR_OCI_ABORTED` and others. Any status is a response. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const retries = request.retries ?? this.retries;
    for (let attempt = 0; ; attempt++) {
      throwIfAborted(request.signal);
      let response: HttpResponse | undefined;
      try {
        response = await this.#sendOnce(request);
      } catch (error) {
        if (request.signal?.aborted || attempt >= retries || !isPassing(error)) throw networkError(error, request);
      }
      if (response && (attempt >= retries || !isPassingStatus(response.status))) return response;
      await response?.discard();
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
      const next = allowedUrl(location, url, this.#registry, 'a redirect');
      if (next.origin !== request.url.origin) headers = withoutSecrets(headers);
      url = next;
    }
  }

  async #exchange(request: HttpRequest): Promise<HttpResponse> {
    this.#connections ??= this.#options.connections?.open() ?? openConnections(this.#options);
    const connections = await this.#connections;
    const { body, bodySize, method, url, signal } = request;
    const response = await connections.to(url).request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: {
        'user-agent': this.#options.userAgent ?? 'bpfship',
        ...(typeof body === 'function' && bodySize !== undefined ? { 'content-length': String(bodySize) } : {}),
        ...request.headers,
      },
      body: body === undefined ? null : body instanceof Uint8Array ? body : asReadable(body),
      // undici would close the connection after each HEAD, for servers that send a body with it: those harm themselves.
      reset: false,
      ...(signal ? { signal } : {}),
    });
    this.#showWarnings(response.headers['warning']);
    return this.#wrap(response, request);
  }

  #wrap(response: Dispatcher.ResponseData, request: HttpRequest): HttpResponse {
    const { method, url } = request;
    const event = { method, url: redact(url), status: response.statusCode, bytes: 0 };
    this.#options.onRequest?.(event);
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
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

  #showWarnings(header: string | string[] | undefined): void {
    for (const line of header === undefined ? [] : [header].flat()) {
      const text = /^299 \S+ "(.*)"/.exec(line.slice(0, 4096))?.[1];
      if (text !== undefined) this.#options.onWarning?.(printable(text));
    }
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
