import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A way to a server on loopback that can be cut. */
export interface CuttingProxy {
  host: string;
  /** Request lines and ranges, as they passed. */
  seen: string[];
  /** Bytes that went to the server. */
  sent: () => number;
  /** The next connection that sends more than this breaks there; so do as many after it as told. */
  cutAfter(bytes: number, times: number): void;
  /** The next answers break after this many bytes. */
  cutAnswerAfter(bytes: number, times: number): void;
  close(): void;
}

/** Starts a proxy in front of `127.0.0.1:port`. */
export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  let sent = 0;
  const cuts = { up: { bytes: Infinity, times: 0 }, down: { bytes: Infinity, times: 0 } };
  const port = Number(target.split(':').at(-1));
  const server: Server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    const counts = { up: 0, down: 0 };
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    const pass = (from: Socket, to: Socket, way: 'up' | 'down'): void => {
      from.on('data', (chunk: Buffer) => {
        if (way === 'up') {
          sent += chunk.length;
          note(chunk, seen);
        }
        counts[way] += chunk.length;
        to.write(chunk);
        if (counts[way] < cuts[way].bytes || cuts[way].times === 0) return;
        cuts[way].times -= 1;
        // What was passed has to arrive first.
        from.pause();
        to.end(end);
      });
      from.on('end', () => to.end());
      for (const event of ['error', 'close']) from.on(event, end);
    };
    for (const socket of [client, upstream]) sockets.add(socket);
    pass(client, upstream, 'up');
    pass(upstream, client, 'down');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    sent: () => sent,
    cutAfter: (bytes, times) => void (cuts.up = { bytes, times }),
    cutAnswerAfter: (bytes, times) => void (cuts.down = { bytes, times }),
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Keeps the method, and the range where one is asked for or sent. */
function note(chunk: Buffer, seen: string[]): void {
  const head = chunk.subarray(0, 2048).toString('latin1');
  const method = /^([A-Z]{3,6}) \/\S* HTTP\/1\.1\r\n/.exec(head)?.[1];
  if (method === undefined) return;
  const range = /\r\n(?:content-)?range: (\S+)\r\n/i.exec(head)?.[1];
  seen.push(range === undefined ? method : `${method} ${range}`);
}
