import { chmodSync, chownSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { ShimError } from '../../shim-error.ts';
import type { Log } from '../log.ts';
import type { PeerCredentials, System } from '../system.ts';
import { sendError } from './exchange.ts';
import { answer, type ApiContext } from './routes.ts';

/** Connections at once. */
const MAX_CONNECTIONS = 64;
/** Milliseconds for the head of a request, and for all of it; answers may take as long as they take. */
const HEAD_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;

/** Who may speak to the daemon. */
export interface SocketOptions {
  path: string;
  /** Users beside root and the daemon's own. */
  uids: readonly number[];
  /** A group whose members may; the socket is then theirs too. */
  gid?: number | undefined;
}

/** The socket of the daemon, and what else listens. */
export interface Listening extends AsyncDisposable {
  readonly path: string;
}

/**
 * Serves the API on a unix socket that only its owner (and group, where one is given) can open; the kernel says who connects.
 *
 * @throws {ShimError} `ERR_SHIM_DAEMON` where the socket cannot be made.
 */
export async function serveSocket(
  { path, uids, gid }: SocketOptions,
  system: System,
  context: ApiContext,
  log: Log,
): Promise<Listening> {
  const may = ({ uid, gid: peerGid }: PeerCredentials): boolean =>
    uid === 0 || uid === process.geteuid?.() || uids.includes(uid) || (gid !== undefined && peerGid === gid);
  const server = createServer({
    headersTimeout: HEAD_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    maxHeaderSize: 16_384,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', (socket: Socket) => {
    const peer = system.peerOf(descriptorOf(socket));
    // A member of the group by a supplementary group cannot be told from here; the socket's mode has let it in.
    if (peer !== undefined && (may(peer) || (gid !== undefined && isMember(peer.pid, gid)))) return;
    log('warning', 'a connection was refused', { ...peer });
    socket.destroy();
  });
  server.on('request', (request, response) => {
    response.on('error', () => undefined);
    answer(context, request, response).catch((error: unknown) => {
      if (!response.destroyed) sendError(response, error);
      // The rest of a body that nobody reads would keep the connection.
      if (!request.complete) request.destroy();
    });
  });
  rmSync(path, { force: true });
  const mask = process.umask(0o177);
  try {
    await listen(server, path);
  } finally {
    process.umask(mask);
  }
  if (gid !== undefined) {
    chownSync(path, process.geteuid?.() ?? 0, gid);
    chmodSync(path, 0o660);
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      rmSync(path, { force: true });
      await close(server);
    },
  };
}

/** Serves nothing but `/metrics`, on a port of the loopback interface. @throws {ShimError} `ERR_SHIM_DAEMON`. */
export async function serveMetrics(port: number, metrics: ApiContext['metrics']): Promise<Listening> {
  const server = createServer({
    headersTimeout: HEAD_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    maxHeaderSize: 8192,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (request, response) => {
    response.on('error', () => undefined);
    request.resume();
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    metrics(request.headers.accept).then(
      ({ type, text }) => response.writeHead(200, { 'content-type': type }).end(text),
      (error: unknown) => sendError(response, error),
    );
  });
  await listen(server, port);
  return { path: `127.0.0.1:${port}`, [Symbol.asyncDispose]: () => close(server) };
}

async function listen(server: Server, where: string | number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).once('listening', resolve);
      if (typeof where === 'string') server.listen({ path: where });
      else server.listen({ port: where, host: '127.0.0.1' });
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ShimError('ERR_SHIM_DAEMON', `nothing can listen on ${where} (${code})`, {
      hint: 'A socket’s path has at most 107 bytes, and its folder must be there; a port must be free.',
      cause,
    });
  }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

/** Node keeps the descriptor to itself; only unix sockets are asked. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } };
  return handle?.fd ?? -1;
}

/** Whether a process has a supplementary group. */
function isMember(pid: number, gid: number): boolean {
  try {
    const groups = /^Groups:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '';
    return groups.split(/\s+/).includes(String(gid));
  } catch {
    return false;
  }
}
