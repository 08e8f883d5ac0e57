import { slice } from '../content/range.ts';
import type { Descriptor } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import { readBody } from './blob-body.ts';
import type { HttpResponse } from './http-client.ts';
import { singleHeader } from './repository-api.ts';

/** Bytes of one blob that are held in memory at the same time. */
const MAX_HELD = 16 * 1024 * 1024;
/** A part is not larger than this, in bytes. */
const MAX_PART = 4 * 1024 * 1024;

/** Asks for the bytes `first` to `last`. */
export type OpenRange = (
  first: number,
  last: number,
  signal: AbortSignal | undefined,
  entityTag?: string,
) => Promise<HttpResponse>;

/** How a blob is read in parts. */
export interface PartsOptions {
  /** The answer to the request for the first part. */
  response: HttpResponse;
  descriptor: Descriptor;
  open: OpenRange;
  /** Parts that are fetched at the same time. */
  connections: number;
  retries: number;
  signal: AbortSignal | undefined;
}

/** Size of a part in bytes, so that all that are fetched at the same time fit into memory. */
export function partSize(connections: number): number {
  return Math.min(MAX_PART, Math.floor(MAX_HELD / connections));
}

/**
 * Reads a blob over several connections, each of which fetches another part; the parts come out in their order. For registries and storages
 * that limit each connection.
 *
 * @throws {OciError} `ERR_OCI_SIZE_MISMATCH` where the registry says that the blob has another size.
 */
export async function* readParts(options: PartsOptions): AsyncGenerator<Uint8Array> {
  const { response, descriptor, connections, signal } = options;
  const total = Number(/\/(\d+)$/.exec(singleHeader(response, 'content-range') ?? '')?.[1] ?? descriptor.size);
  if (total !== descriptor.size) {
    await response.discard();
    throw new OciError(
      'ERR_OCI_SIZE_MISMATCH',
      `${descriptor.digest} has ${total} bytes at ${response.url.host}, not the ${descriptor.size} that its descriptor states`,
      { registry: response.url.host },
    );
  }
  const stop = new AbortController();
  const inner = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const size = partSize(connections);
  const count = Math.ceil(descriptor.size / size);
  const waiting: Promise<Uint8Array[]>[] = [];
  let next = 0;
  const start = (): void => {
    const first = next * size;
    const last = Math.min(first + size, descriptor.size) - 1;
    const part = readPart({ ...options, signal: inner }, first, last, next === 0 ? response : undefined);
    // Whoever reads sees the failure when it is the part's turn; until then nobody waits for it.
    part.catch(() => undefined);
    waiting.push(part);
    next += 1;
  };
  try {
    while (next < Math.min(connections, count)) start();
    for (let part = waiting.shift(); part; part = waiting.shift()) {
      const chunks = await part;
      // The next one is fetched while this one is used.
      if (next < count) start();
      yield* chunks;
    }
  } finally {
    stop.abort();
    await Promise.allSettled(waiting);
  }
}

async function readPart(
  { descriptor, open, retries, signal }: PartsOptions,
  first: number,
  last: number,
  answered: HttpResponse | undefined,
): Promise<Uint8Array[]> {
  const response = answered ?? (await open(first, last, signal));
  if (response.status !== 200 && response.status !== 206) {
    await response.discard();
    throw new OciError(
      'ERR_OCI_INVALID_RESPONSE',
      `${response.url.host} gave a part of ${descriptor.digest}, and refused another (HTTP ${response.status})`,
      { registry: response.url.host, status: response.status },
    );
  }
  const reopen = (from: number, entityTag?: string): Promise<HttpResponse> => open(from, last, signal, entityTag);
  const body = readBody({ response, descriptor, first, last, reopen, retries, signal });
  const chunks: Uint8Array[] = [];
  for await (const chunk of slice(body, 0, last - first + 1)) chunks.push(chunk);
  return chunks;
}
