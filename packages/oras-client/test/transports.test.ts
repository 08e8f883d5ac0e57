import { createHash } from 'node:crypto';
import { createServer as createTlsServer } from 'node:https';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import { createRegistry } from '@bpfship/registry-dev';
import { describe, expect, it } from 'vitest';
import { copy, type Descriptor, fetchBytes, MemoryStore, packManifest, pushBytes } from '../src/index.ts';
import { makeCertificate } from './support/token-server.ts';
import { against, repositoryAt } from './support/http.ts';
import { errorOf } from './support/list.ts';

// Both ways of HTTP that the client has: undici, and Node's own for programs of few requests.

const BYTES = Buffer.alloc(3_000_000, 'registry');
const BLOB: Descriptor = {
  mediaType: 'application/octet-stream',
  digest: `sha256:${createHash('sha256').update(BYTES).digest('hex')}`,
  size: BYTES.length,
};

async function* inPieces(bytes: Buffer, failAt = Infinity): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) {
    if (at >= failAt) throw new Error('the source failed');
    yield bytes.subarray(at, at + 65_536);
  }
}

describe.each([
  ['undici', false],
  ['Node', true],
])('over %s', (_, fewRequests) => {
  it('an artifact goes to a registry and back, streams and all', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'transports-'));
    const registry = await createRegistry({ root: folder });
    try {
      const repository = repositoryAt(registry.host, { fewRequests });
      const store = new MemoryStore();
      await store.push(BLOB, BYTES);
      const small = await pushBytes(store, 'text/plain', Buffer.from('small'));
      const root = await packManifest(store, { artifactType: 'application/vnd.example.v1', layers: [BLOB, small] });
      await store.tag(root, '1');
      await copy(store, '1', repository, '1');
      const back = new MemoryStore();
      expect(await copy(repository, '1', back, '1')).toMatchObject({ digest: root.digest });
      await repository.delete(BLOB);
      await repository.push(BLOB, () => inPieces(BYTES));
      expect(BYTES.equals(await fetchBytes(repository, BLOB, { maxBytes: BYTES.length }))).toBe(true);
      await repository.delete(BLOB);
      await expect(repository.push(BLOB, () => inPieces(BYTES, 1_000_000))).rejects.toThrow('the source failed');
      expect(await repository.exists(BLOB)).toBe(false);
    } finally {
      await registry.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('connections are used again', async () => {
    const sockets = new Set<unknown>();
    const repository = await against(
      (request, response) => {
        sockets.add(request.socket);
        response.end(BYTES);
      },
      { fewRequests },
    );
    for (let i = 0; i < 3; i++) await fetchBytes(repository, BLOB, { maxBytes: BYTES.length });
    expect(sockets.size).toBeLessThan(3);
  });

  it('a transfer that breaks goes on where it stopped', async () => {
    const ranges: (string | undefined)[] = [];
    const repository = await against(
      (request, response) => {
        const { range } = request.headers;
        ranges.push(range);
        const from = Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
        if (from === 0) {
          response.writeHead(200, { 'content-length': BYTES.length });
          response.write(BYTES.subarray(0, 1_000_000), () => response.destroy());
        } else {
          const rest = { 'content-range': `bytes ${from}-${BYTES.length - 1}/${BYTES.length}` };
          response.writeHead(206, rest).end(BYTES.subarray(from));
        }
      },
      { fewRequests },
    );
    expect(BYTES.equals(await fetchBytes(repository, BLOB, { maxBytes: BYTES.length }))).toBe(true);
    expect(ranges).toHaveLength(2);
  });

  it('a registry that is silent is given up: before the answer, and within it', async () => {
    const silent = await against(() => undefined, { fewRequests, retries: 0, idleTimeoutMs: 200 });
    expect(await errorOf(() => silent.resolve('1'))).toMatchObject({ code: 'ERR_OCI_TIMEOUT' });
    const stuck = await against((_request, response) => void response.writeHead(200).write('some'), {
      fewRequests,
      retries: 0,
      idleTimeoutMs: 200,
    });
    expect(await errorOf(() => fetchBytes(stuck, BLOB, { maxBytes: BYTES.length }))).toMatchObject({
      code: 'ERR_OCI_TIMEOUT',
    });
  });

  it('a slow reader is not: it may take its time', async () => {
    const repository = await against((_request, response) => void response.end(BYTES), {
      fewRequests,
      retries: 0,
      idleTimeoutMs: 150,
    });
    let size = 0;
    for await (const chunk of await repository.fetch(BLOB)) {
      if (size === 0) await sleep(600);
      size += chunk.length;
    }
    expect(size).toBe(BYTES.length);
  });

  it('a refusal that comes before all was sent is told', async () => {
    const repository = await against(
      (request, response) => {
        if (request.method === 'HEAD') response.writeHead(404).end();
        else if (request.method === 'POST') response.writeHead(202, { location: '/upload' }).end();
        else {
          const body = '{"errors":[{"code":"DENIED","message":"not here"}]}';
          response.writeHead(403, { connection: 'close', 'content-length': body.length }).end(body);
          request.resume();
        }
      },
      { fewRequests, retries: 0 },
    );
    const error = await errorOf(() => repository.push(BLOB, () => inPieces(BYTES)));
    expect(error).toMatchObject({ code: 'ERR_OCI_FORBIDDEN', registryCode: 'DENIED' });
  });

  it('an abort ends it, and nobody listening is said', async () => {
    const stop = new AbortController();
    const repository = await against(() => stop.abort(), { fewRequests });
    expect(await errorOf(() => repository.resolve('1', { signal: stop.signal }))).toMatchObject({
      code: 'ERR_OCI_ABORTED',
    });
    const nobody = repositoryAt('127.0.0.1:1', { fewRequests, retries: 0 });
    const error = await errorOf(() => nobody.resolve('1'));
    expect(error).toMatchObject({ code: 'ERR_OCI_UNREACHABLE' });
    expect((error as Error).message).toContain('nothing listens there');
  });

  it('TLS is verified, by the authority that is given', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'transports-tls-'));
    const { key, cert } = makeCertificate(folder, ['-addext', 'subjectAltName=IP:127.0.0.1']);
    const ca = readFileSync(cert, 'utf8');
    const server = createTlsServer({ key: readFileSync(key), cert: ca }, (_request, response) => response.end(BYTES));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const trusting = repositoryAt(host, { fewRequests, plainHttp: false, ca, certsFolders: [] });
      expect(await fetchBytes(trusting, BLOB, { maxBytes: BYTES.length })).toHaveLength(BYTES.length);
      const doubting = repositoryAt(host, { fewRequests, plainHttp: false, retries: 0, certsFolders: [] });
      expect(await errorOf(() => fetchBytes(doubting, BLOB, { maxBytes: BYTES.length }))).toMatchObject({
        code: 'ERR_OCI_UNREACHABLE',
        hint: expect.stringContaining('--ca-file') as string,
      });
    } finally {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
