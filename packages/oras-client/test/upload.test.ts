import { randomBytes } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRegistry, type Registry } from '@bpfship/registry-dev';
import { digestOf, fetchBytes } from '../src/index.ts';
import { type RunningRegistry, startDockerRegistry } from './docker-registry.ts';
import { type CuttingProxy, startCuttingProxy } from './support/cutting-proxy.ts';
import { against, repositoryAt } from './support/http.ts';

const MIB = 1024 * 1024;
const big = randomBytes(24 * MIB);
const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(big), size: big.length };
const content = async function* (): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < big.length; at += 65_536) yield big.subarray(at, at + 65_536);
};

let folder: string;
let dev: Registry;
let docker: RunningRegistry;
const proxies: CuttingProxy[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'upload-'));
  dev = await createRegistry({ root: join(folder, 'dev') });
  docker = await startDockerRegistry();
});
afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.close();
});
afterAll(async () => {
  await Promise.all([dev?.close(), docker?.close()]);
  await rm(folder, { recursive: true, force: true });
});

async function cutting(host: string): Promise<CuttingProxy> {
  const proxy = await startCuttingProxy(host);
  proxies.push(proxy);
  return proxy;
}

describe.each([
  ['registry-dev', () => dev.host],
  ['docker-registry 2.8', () => docker.host],
])('%s behind connections that break', (name, host) => {
  it('gets a blob whole, and what it has already not again', async () => {
    const proxy = await cutting(host());
    proxy.cutAfter(10 * MIB, 2);
    const repository = repositoryAt(proxy.host, { retries: 3, idleTimeoutMs: 10_000 }, `up/${name.slice(0, 6)}`);
    await repository.push(descriptor, content);
    expect(proxy.seen.some((line) => /^PATCH [1-9]\d*-/.test(line))).toBe(true);
    // distribution's address of an upload holds the number of bytes, so what a broken request left there cannot be gone on with.
    expect(proxy.seen.filter((line) => line === 'POST')).toHaveLength(name === 'registry-dev' ? 1 : 3);
    expect(proxy.sent()).toBeLessThan((name === 'registry-dev' ? 1.6 : 2.5) * big.length);
    expect((await fetchBytes(repository, descriptor, { maxBytes: big.length })).length).toBe(big.length);
  });

  it('gives a blob, and what came already not again', async () => {
    const proxy = await cutting(host());
    const repository = repositoryAt(proxy.host, { retries: 3, idleTimeoutMs: 10_000 }, `down/${name.slice(0, 6)}`);
    await repository.push(descriptor, content);
    proxy.cutAnswerAfter(10 * MIB, 2);
    const received = await fetchBytes(repository, descriptor, { maxBytes: big.length });
    expect(digestOf(received)).toBe(descriptor.digest);
    expect(proxy.seen.filter((line) => /^GET bytes=[1-9]/.test(line))).toHaveLength(2);
  });
});

/** A registry with one upload, kept in memory. */
interface OneUpload {
  listener: RequestListener;
  seen: string[];
  stored: () => Buffer | undefined;
}

/** @param rule - answers a request itself where it returns true. */
function oneUpload(
  rule: (request: IncomingMessage, response: Parameters<RequestListener>[1], data: Buffer) => boolean,
): OneUpload {
  let data = Buffer.alloc(0);
  let stored: Buffer | undefined;
  const seen: string[] = [];
  const listener: RequestListener = (request, response) => {
    void (async () => {
      const length = request.headers['content-length'] ?? '';
      seen.push(
        `${request.method} ${request.headers['content-range'] ?? (request.method === 'PUT' ? length : '')}`.trim(),
      );
      if (rule(request, response, data)) return undefined;
      if (request.method === 'HEAD') return response.writeHead(stored ? 200 : 404).end();
      if (request.method === 'GET') return response.writeHead(404).end();
      if (request.method === 'POST') {
        data = Buffer.alloc(0);
        return response.writeHead(202, { location: '/u/1' }).end();
      }
      data = Buffer.concat([data, await buffer(request)]);
      if (request.method === 'PATCH') return response.writeHead(202, { location: '/u/2' }).end();
      if (request.method === 'PUT') stored = data;
      return response.writeHead(request.method === 'PUT' ? 201 : 204).end();
    })();
  };
  return { listener, seen, stored: () => stored };
}

function refuse(request: IncomingMessage, response: Parameters<RequestListener>[1], status: number): void {
  request.resume();
  response.writeHead(status).end();
}

describe('a registry', () => {
  it('behind a proxy that limits bodies gets them in chunks that fit', async () => {
    const server = oneUpload((request, response) => {
      if (Number(request.headers['content-length'] ?? 0) <= 2 * MIB) return false;
      refuse(request, response, 413);
      return true;
    });
    const repository = await against(server.listener, { retries: 2 });
    await repository.push(descriptor, big);
    expect(server.stored()?.equals(big)).toBe(true);
    expect(server.seen.filter((line) => line.startsWith('PATCH 0-'))).toEqual(['PATCH 0-4194303', 'PATCH 0-1048575']);
    expect(server.seen.at(-1)).toBe('PUT 0');
  });

  it('that wants chunks of some size gets no smaller ones', async () => {
    const server = oneUpload((request, response) => {
      if (request.method === 'POST')
        response.writeHead(202, { location: '/u/1', 'oci-chunk-min-length': 5 * MIB }).end();
      else if (request.method === 'PUT' && request.headers['content-length'] !== '0') refuse(request, response, 413);
      else return false;
      return true;
    });
    const repository = await against(server.listener);
    await repository.push(descriptor, content);
    expect(server.stored()?.equals(big)).toBe(true);
    const chunks = server.seen
      .filter((line) => line.startsWith('PATCH'))
      .map((line) => line.slice(6).split('-').map(Number));
    for (const [first = 0, last = 0] of chunks.slice(0, -1)) expect(last - first + 1).toBe(5 * MIB);
  });

  it('that limits bodies and takes no chunks is reported with its limit', async () => {
    const server = oneUpload((request, response) => {
      if (request.method === 'PATCH') response.writeHead(405).end();
      else if (request.method === 'PUT') response.writeHead(413).end();
      else return false;
      request.resume();
      return true;
    });
    const repository = await against(server.listener);
    await expect(repository.push(descriptor, big)).rejects.toMatchObject({ status: 413 });
    expect(server.seen.at(-1)).toBe('DELETE');
  });

  it('whose answer was lost is asked whether it has the blob, which is not sent again', async () => {
    let cut = true;
    const server = oneUpload(() => false);
    const repository = await against((request, response) => {
      if (request.method === 'PUT' && cut) {
        cut = false;
        response.writeHead = (): typeof response => {
          request.socket.destroy();
          return response;
        };
      }
      return server.listener(request, response);
    });
    await repository.push(descriptor, content);
    expect(server.seen).toEqual(['POST', `PUT ${big.length}`, 'GET', 'HEAD']);
  });

  it.each([
    ['more than the blob has', '0-999999999'],
    ['what is no range', '7-3'],
    ['nothing', '0-0'],
  ])('that says it has %s gets the blob from its beginning', async (_what, range) => {
    let cut = true;
    const server = oneUpload((request, response) => {
      if (request.method === 'GET') response.writeHead(204, { range, location: '/u/1' }).end();
      else if (request.method === 'PUT' && cut) request.socket.destroy();
      else return false;
      if (request.method === 'PUT') cut = false;
      return true;
    });
    const repository = await against(server.listener);
    await repository.push(descriptor, content);
    expect(server.stored()?.equals(big)).toBe(true);
    expect(server.seen.filter((line) => line === 'POST')).toHaveLength(2);
  });

  it('that says it has more than it has refuses the rest, and gets it whole', async () => {
    let cut = true;
    const server = oneUpload((request, response, data) => {
      const start = Number(request.headers['content-range']?.split('-')[0] ?? 0);
      if (request.method === 'GET') response.writeHead(204, { range: '0-1048575', location: '/u/1' }).end();
      else if (request.method === 'PATCH' && start !== data.length) refuse(request, response, 416);
      else if (request.method === 'PUT' && cut) request.socket.destroy();
      else return false;
      if (request.method === 'PUT') cut = false;
      return true;
    });
    const repository = await against(server.listener);
    await repository.push(descriptor, content);
    expect(server.stored()?.equals(big)).toBe(true);
    expect(server.seen).toContain('PATCH 1048576-5242879');
  });

  it('that breaks every time is given up after the agreed number of tries', async () => {
    let puts = 0;
    const server = oneUpload((request) => {
      if (request.method !== 'PUT' && request.method !== 'PATCH') return false;
      puts += 1;
      request.socket.destroy();
      return true;
    });
    const repository = await against(server.listener, { retries: 3 });
    await expect(repository.push(descriptor, content)).rejects.toMatchObject({ code: 'ERR_OCI_UNREACHABLE' });
    expect(puts).toBe(4);
  });

  it('is told that an upload is given up, also while it is waited for', async () => {
    const stop = new AbortController();
    const server = oneUpload((request, response) => {
      if (request.method !== 'PUT') return false;
      refuse(request, response, 503);
      setTimeout(() => stop.abort(), 50);
      return true;
    });
    const repository = await against((request, response) => {
      response.setHeader('retry-after', '60');
      return server.listener(request, response);
    });
    await expect(repository.push(descriptor, content, { signal: stop.signal })).rejects.toMatchObject({
      code: 'ERR_OCI_ABORTED',
    });
    expect(server.seen.at(-1)).toBe('DELETE');
  });
});
