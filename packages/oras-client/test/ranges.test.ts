import { randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf, fetchBytes, type RemoteOptions } from '../src/index.ts';
import { type RunningRegistry, startDockerRegistry } from './docker-registry.ts';
import { startCuttingProxy } from './support/cutting-proxy.ts';
import { against, repositoryAt } from './support/http.ts';

const MIB = 1024 * 1024;
const big = randomBytes(70 * MIB + 13);
const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(big), size: big.length };
const options: RemoteOptions = { rangeConnections: 4, idleTimeoutMs: 10_000 };
let docker: RunningRegistry;

beforeAll(async () => {
  docker = await startDockerRegistry();
});
afterAll(async () => {
  await docker?.close();
});

/** Serves the blob as a server that knows ranges does. */
function ranges(
  seen: string[],
  rule: (first: number, last: number) => Buffer | number | undefined = () => undefined,
): RequestListener {
  return (request, response) => {
    const range = request.headers.range ?? '';
    seen.push(range);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range)?.map(Number) ?? [];
    if (first === undefined || last === undefined) return response.end(big);
    const other = rule(first, last);
    if (typeof other === 'number') return response.writeHead(other).end();
    response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${big.length}` });
    return response.end(other ?? big.subarray(first, last + 1));
  };
}

describe('a large blob', () => {
  it('comes over several connections in its order, from docker-registry, also where they break', async () => {
    const proxy = await startCuttingProxy(docker.host);
    try {
      const repository = repositoryAt(proxy.host, { ...options, retries: 3 }, 'parts/one');
      await repository.push(descriptor, big);
      proxy.cutAnswerAfter(3 * MIB, 3);
      const received = await fetchBytes(repository, descriptor, { maxBytes: big.length });
      expect(digestOf(received)).toBe(descriptor.digest);
      const starts = proxy.seen
        .filter((line) => line.startsWith('GET bytes='))
        .map((line) => Number(/\d+/.exec(line)?.[0]));
      expect(starts.filter((start) => start % (4 * MIB) === 0)).toHaveLength(18);
      expect(starts.length).toBeGreaterThan(18);
    } finally {
      proxy.close();
    }
  });

  it('comes over one connection where the registry ignores ranges', async () => {
    let requests = 0;
    const repository = await against((_request, response) => {
      requests += 1;
      response.end(big);
    }, options);
    expect(digestOf(await fetchBytes(repository, descriptor, { maxBytes: big.length }))).toBe(descriptor.digest);
    expect(requests).toBe(1);
  });

  it('comes over one connection where nobody asked for more, and in parts of its own from a broken one only if it is the same', async () => {
    const seen: (string | undefined)[][] = [];
    const repository = await against((request, response) => {
      seen.push([request.headers.range, request.headers['if-range'] as string | undefined]);
      response.setHeader('etag', '"one"');
      if (seen.length > 1) return response.end(big);
      response.setHeader('content-length', big.length);
      return response.write(big.subarray(0, MIB), () => response.destroy());
    });
    expect(digestOf(await fetchBytes(repository, descriptor, { maxBytes: big.length }))).toBe(descriptor.digest);
    const [first, second] = seen;
    expect(first).toEqual([undefined, undefined]);
    expect(second).toEqual([expect.stringMatching(/^bytes=[1-9]\d*-/), '"one"']);
  });

  it.each<[string, (first: number, last: number) => Buffer | number | undefined, string]>([
    [
      'other bytes',
      (first, last) => (first > 0 ? Buffer.alloc(last - first + 1) : undefined),
      'ERR_OCI_DIGEST_MISMATCH',
    ],
    ['a refusal', (first) => (first > 20 * MIB ? 416 : undefined), 'ERR_OCI_INVALID_RESPONSE'],
    ['too few bytes', (first) => (first > 0 ? Buffer.alloc(5) : undefined), 'ERR_OCI_SIZE_MISMATCH'],
  ])('of which a part comes as %s is an error, and nothing goes on in the background', async (_what, rule, code) => {
    const seen: string[] = [];
    const repository = await against(ranges(seen, rule), { ...options, retries: 0 });
    await expect(fetchBytes(repository, descriptor, { maxBytes: big.length })).rejects.toMatchObject({ code });
    // Of 18 parts only those that were under way; a wrong digest shows at the end.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen.length).toBeLessThan(code === 'ERR_OCI_DIGEST_MISMATCH' ? 19 : 12);
  });

  it('of which the registry says another size is an error at once', async () => {
    const seen: string[] = [];
    const repository = await against((request, response) => {
      seen.push(request.headers.range ?? '');
      response
        .writeHead(206, { 'content-range': `bytes 0-${4 * MIB - 1}/${big.length + 1}` })
        .end(big.subarray(0, 4 * MIB));
    }, options);
    await expect(fetchBytes(repository, descriptor, { maxBytes: big.length })).rejects.toMatchObject({
      code: 'ERR_OCI_SIZE_MISMATCH',
    });
    expect(seen).toHaveLength(1);
  });

  it('that nobody reads to its end is left, with all its connections', async () => {
    const seen: string[] = [];
    const repository = await against(ranges(seen), options);
    for await (const chunk of await repository.fetch(descriptor)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(seen.length).toBeLessThanOrEqual(5);
  });
});
