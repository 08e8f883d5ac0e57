import type { IncomingMessage } from 'node:http';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ShimError } from '../shim-error.ts';
import type { ReportedError } from '../desired/reported-error.ts';

/** Answers are read up to this size, in bytes; streams are bounded by the line. */
const MAX_ANSWER: number = 64 * 1024 * 1024;

/** An error that the daemon answered with. */
export class DaemonError extends Error {
  override readonly name: string = 'DaemonError';
  readonly code: string;
  readonly hint: string;
  readonly details: string | undefined;

  constructor({ code, message, hint = '', details }: ReportedError) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.details = details;
  }
}

/** Speaks to the daemon of a state folder. */
export class DaemonClient {
  readonly socket: string;

  constructor(socket: string) {
    this.socket = socket;
  }

  /** The client of a running daemon; `undefined` where none runs, or this user may not speak to it. */
  static async find(stateDir: string, socket?: string): Promise<DaemonClient | undefined> {
    const client = new DaemonClient(socket ?? join(stateDir, 'shim.sock'));
    try {
      if (!existsSync(client.socket)) return undefined;
      await client.call('GET', '/v1/health');
      return client;
    } catch {
      return undefined;
    }
  }

  /** One request. @throws {DaemonError} what the daemon answered; {ShimError} `ERR_SHIM_DAEMON` where it cannot be reached. */
  async call(method: string, path: string, body?: object, signal?: AbortSignal): Promise<unknown> {
    const response = await this.#send(method, path, 'application/json', body, signal);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > MAX_ANSWER) throw strange(this.socket);
      chunks.push(chunk);
    }
    return this.#parse(Buffer.concat(chunks).toString('utf8'), response.statusCode ?? 0);
  }

  /** A request whose answer comes line by line. @throws as {@link call}, also for an error that ends the lines. */
  async *lines(
    method: string,
    path: string,
    body?: object,
    signal?: AbortSignal,
  ): AsyncGenerator<Record<string, unknown>> {
    const response = await this.#send(method, path, 'application/x-ndjson', body, signal);
    let rest = '';
    response.setEncoding('utf8');
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_ANSWER) throw strange(this.socket);
      for (const line of lines) yield this.#parse(line, response.statusCode ?? 0) as Record<string, unknown>;
    }
    if (rest !== '') yield this.#parse(rest, response.statusCode ?? 0) as Record<string, unknown>;
  }

  #parse(text: string, status: number): unknown {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw strange(this.socket);
    }
    const error = (value as { error?: ReportedError } | null)?.error;
    if (error !== undefined && typeof error.code === 'string' && Object.keys(value as object).length === 1)
      throw new DaemonError(error);
    if (status >= 400) throw strange(this.socket);
    return value;
  }

  async #send(
    method: string,
    path: string,
    accept: string,
    body: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    // Most commands find no daemon, or need none.
    const { request: send } = await import('node:http');
    return new Promise((resolve, reject) => {
      const request = send(
        {
          socketPath: this.socket,
          method,
          path,
          agent: false,
          headers: {
            accept,
            ...(text === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          },
          ...(signal ? { signal } : {}),
        },
        resolve,
      );
      request.on('error', (cause: NodeJS.ErrnoException) => {
        reject(
          signal?.aborted
            ? cause
            : new ShimError(
                'ERR_SHIM_DAEMON',
                `bpfship-shim does not answer at ${this.socket} (${cause.code ?? cause.message})`,
                {
                  hint: 'Is it running? "systemctl status bpfship-shim" says; commands work without it too.',
                  cause,
                },
              ),
        );
      });
      request.end(text);
    });
  }
}

function strange(socket: string): ShimError {
  return new ShimError('ERR_SHIM_DAEMON', `what answers at ${socket} is no bpfship-shim of this version`, {
    hint: 'Start the daemon of the same version again.',
  });
}
