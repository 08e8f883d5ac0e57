import type { IncomingMessage } from 'node:http';
import { RegistryProblem } from './registry-problem.ts';

/** The body of a request. @param cutAfter - bytes after which the connection is cut; for faults. */
export function bodyOf(request: IncomingMessage, cutAfter: number = Infinity): AsyncIterable<Uint8Array> {
  const body = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  return cutAfter === Infinity ? body : cutBody(request, body, cutAfter);
}

async function* cutBody(
  request: IncomingMessage,
  body: AsyncIterable<Uint8Array>,
  cutAfter: number,
): AsyncGenerator<Uint8Array> {
  let left = cutAfter;
  for await (const part of body) {
    if (part.length >= left) {
      if (left > 0) yield part.subarray(0, left);
      request.socket.destroy();
      throw new Error('the connection was cut by a fault');
    }
    left -= part.length;
    yield part;
  }
}

/** Passes a body on up to a size. @throws what `problem` makes, for more than `limit` bytes. */
export async function* limitBody(
  body: AsyncIterable<Uint8Array>,
  limit: number,
  problem: () => RegistryProblem,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > limit) throw problem();
    yield part;
  }
}

/** A whole body in memory. @throws {RegistryProblem} `SIZE_INVALID` for more than `limit` bytes. */
export async function readBody(body: AsyncIterable<Uint8Array>, limit: number, what = 'manifest'): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const tooLarge = (): RegistryProblem => new RegistryProblem('SIZE_INVALID', `a ${what} has at most ${limit} bytes`);
  for await (const part of limitBody(body, limit, tooLarge)) parts.push(part);
  return Buffer.concat(parts);
}
