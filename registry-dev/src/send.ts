import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Sending } from './fault-effects.ts';
import type { Reply } from './reply.ts';

/** Sends an answer. @param sending - what a fault does to it. */
export async function send(response: ServerResponse, reply: Reply, sending?: Sending): Promise<void> {
  const { status, headers, body } = reply;
  if (response.destroyed) return discard(body);
  if (sending?.lose) {
    discard(body);
    response.destroy();
    return;
  }
  response.writeHead(status, headers);
  if (response.req.method === 'HEAD' || body === undefined) {
    discard(body);
    response.end();
    if (sending?.close || sending?.cutAfter === 0) response.once('finish', () => response.destroy());
    return;
  }
  if (sending && (sending.close || sending.cutAfter < Infinity)) return sendBroken(response, body, sending);
  if (body instanceof Uint8Array) response.end(body);
  else await pipeline(body, response);
}

/** The bytes up to the cut arrive: the connection ends only after the kernel has them. */
async function sendBroken(response: ServerResponse, body: Uint8Array | Readable, { cutAfter }: Sending): Promise<void> {
  let left = cutAfter;
  response.flushHeaders();
  for await (const part of body instanceof Uint8Array ? [body] : body) {
    const bytes = (part as Uint8Array).subarray(0, left);
    if (bytes.length > 0) await written(response, bytes);
    left -= bytes.length;
    if (left <= 0 || response.destroyed || response.closed) break;
  }
  response.destroy();
}

/** Returns when the kernel has the bytes, or nobody takes them any more: then Node forgets to say what became of them. */
function written(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('close', done);
      resolve();
    };
    response.once('close', done);
    response.write(bytes, done);
  });
}

function discard(body: Uint8Array | Readable | undefined): void {
  if (body !== undefined && !(body instanceof Uint8Array)) body.destroy();
}
