import { connect, type Socket } from 'node:net';

const END_OF_HEADERS = Buffer.from('\r\n\r\n');

/** Pulls over and over. @param paths - of one pull, asked for one after the other. */
export async function pullRepeatedly(
  port: number,
  paths: readonly string[],
  { connections, pulls }: { connections: number; pulls: number },
): Promise<void> {
  let left = pulls;
  const worker = async (): Promise<void> => {
    const connection = new Connection(port);
    try {
      while (left > 0) {
        left--;
        for (const path of paths) await connection.get(path);
      }
    } finally {
      connection.close();
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
}

/**
 * One kept-alive connection that reads no more of an answer than its status and length: as little work as can be, since the load must not
 * be what is measured.
 */
class Connection {
  readonly #socket: Socket;
  #pending: Buffer = Buffer.alloc(0);
  /** Bytes of the body that are still to come; `undefined` while the headers are. */
  #left: number | undefined;
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (part: Buffer) => this.#take(part));
    this.#socket.on('error', (error) => this.#settle?.reject(error));
    this.#socket.on('close', () => this.#settle?.reject(new Error('the server closed the connection')));
  }

  get(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/vnd.oci.image.manifest.v1+json, */*\r\n\r\n`,
      );
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #take(part: Buffer): void {
    let bytes = part;
    if (this.#left === undefined) {
      bytes = this.#pending.length > 0 ? Buffer.concat([this.#pending, part]) : part;
      const end = bytes.indexOf(END_OF_HEADERS);
      this.#pending = end < 0 ? bytes : Buffer.alloc(0);
      if (end < 0) return;
      const head = bytes.toString('latin1', 0, end);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      if (!head.startsWith('HTTP/1.1 200') || length === undefined) {
        this.#settle?.reject(new Error(`not what was asked for: ${head.split('\r\n', 1)[0]}`));
        return;
      }
      this.#left = Number(length);
      bytes = bytes.subarray(end + END_OF_HEADERS.length);
    }
    this.#left -= bytes.length;
    if (this.#left > 0) return;
    this.#left = undefined;
    this.#settle?.resolve();
  }
}
