import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { requireBasic, type Users } from './authentication.ts';
import { removeStale } from './clean-up.ts';
import { createHandler } from './handler.ts';
import { RegistryProblem } from './registry-problem.ts';
import { sendJson } from './responses.ts';

/** Settings of a registry. */
export interface RegistryOptions {
  /** Folder for everything that is pushed; made where it is missing. */
  root: string;
  /** Default `127.0.0.1`. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /** Asks for Basic authentication. Default: anonymous. */
  users?: Users;
  /** Default false. */
  readOnly?: boolean;
  /** False: behaves like registries without the referrers API, such as distribution 2.8. Default true. */
  referrersApi?: boolean;
  /** Sees every request before it is answered; may answer or destroy it itself by returning true. For tests. */
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
}

/** A running registry. */
export interface Registry extends AsyncDisposable {
  /** Host and port, as references name it. */
  readonly host: string;
  readonly url: string;
  /** Stops listening, closes all connections, and waits until nothing is written any more. */
  close(): Promise<void>;
}

/** Starts a registry (OCI distribution-spec 1.1) on a folder. @throws where the folder cannot be made or the port is taken. */
export async function createRegistry(options: RegistryOptions): Promise<Registry> {
  await mkdir(options.root, { recursive: true });
  await removeStale(options.root);
  const handle = createHandler({
    root: options.root,
    readOnly: options.readOnly ?? false,
    referrersApi: options.referrersApi ?? true,
  });
  const running = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const answering = answer(request, response, options, handle).finally(() => running.delete(answering));
    running.add(answering);
  });
  // A large blob over a slow line takes as long as it takes; headers still have to come within a minute.
  server.requestTimeout = 0;
  await listen(server, options.port ?? 0, options.host ?? '127.0.0.1');
  const { address, port, family } = server.address() as AddressInfo;
  const host = `${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
    await Promise.all(running);
  };
  return { host, url: `http://${host}`, close, [Symbol.asyncDispose]: close };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { users, intercept }: RegistryOptions,
  handle: ReturnType<typeof createHandler>,
): Promise<void> {
  try {
    if (await intercept?.(request, response)) return;
    if (users) requireBasic(request, users);
    await handle(request, response);
  } catch (error) {
    fail(response, error);
  } finally {
    // Whatever of the body was not read must not be taken for the next request.
    request.resume();
  }
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const problem = toProblem(error);
  for (const [name, value] of Object.entries(problem?.headers ?? {})) response.setHeader(name, value);
  const code = problem?.code ?? 'UNKNOWN';
  const message = problem?.message ?? 'the registry failed';
  sendJson(response, problem?.status ?? 500, { errors: [{ code, message }] });
}

function toProblem(error: unknown): RegistryProblem | undefined {
  if (error instanceof RegistryProblem) return error;
  if (error instanceof URIError) return new RegistryProblem('NAME_INVALID', 'the address is not well formed');
  if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
    return new RegistryProblem('NO_SPACE', 'the registry’s disk is full');
  return undefined;
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
