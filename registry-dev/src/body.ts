import type { IncomingMessage } from 'node:http';
import { RegistryProblem } from './registry-problem.ts';

/** The body of a request. Leaving it early does not cut the connection, on which the answer still has to go out. */
export function bodyOf(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
}

/** A whole body in memory. @throws {RegistryProblem} `SIZE_INVALID` for more than `limit` bytes. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bodyOf(request)) {
    size += chunk.length;
    if (size > limit) throw new RegistryProblem('SIZE_INVALID', `a manifest has at most ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
