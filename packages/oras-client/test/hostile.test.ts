import { createServer as createTlsServer } from 'node:https';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { digestOf, fetchBytes, MEDIA_TYPE_INDEX, MEDIA_TYPE_MANIFEST, Repository } from '../src/index.ts';
import { against, anonymous, repositoryAt, serve, user } from './support/http.ts';
import { errorOf, list } from './support/list.ts';
import { makeCertificate } from './support/token-server.ts';

const blob = Buffer.from('some bytes');
const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(blob), size: blob.length };

describe('a hostile or broken registry', () => {
  it.each([
    ['other bytes', 'some bytez', 'ERR_OCI_DIGEST_MISMATCH'],
    ['too few bytes', 'some', 'ERR_OCI_SIZE_MISMATCH'],
    ['too many bytes', 'some bytes and more', 'ERR_OCI_SIZE_MISMATCH'],
  ])('that sends %s is found out', async (_what, body, code) => {
    const repository = await against((_request, response) => response.end(body));
    await expect(fetchBytes(repository, descriptor)).rejects.toMatchObject({ code });
  });

  it('that answers a tag with a web page is named', async () => {
    const repository = await against((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>log in</h1>'),
    );
    await expect(repository.fetchReference('1.0.0')).rejects.toMatchObject({
      code: 'ERR_OCI_INVALID_RESPONSE',
      hint: expect.stringMatching(/web page/),
    });
  });

  it('that sends a manifest without end is cut off', async () => {
    const repository = await against((_request, response) => {
      response.writeHead(200, { 'content-type': MEDIA_TYPE_MANIFEST });
      const chunk = Buffer.alloc(1024 * 1024, ' ');
      const write = (): void => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once('drain', write);
      };
      write();
    });
    await expect(repository.fetchReference('1.0.0')).rejects.toMatchObject({ code: 'ERR_OCI_SIZE_EXCEEDED' });
  });

  it('that serves another manifest under a digest is found out', async () => {
    const repository = await against((_request, response) =>
      response.writeHead(200, { 'content-type': MEDIA_TYPE_MANIFEST }).end('{}'),
    );
    await expect(repository.fetchReference(descriptor.digest)).rejects.toMatchObject({
      code: 'ERR_OCI_DIGEST_MISMATCH',
    });
  });

  it('that redirects for ever is given up', async () => {
    let requests = 0;
    const repository = await against((request, response) => {
      requests += 1;
      response.writeHead(307, { location: `${request.url}x` }).end();
    });
    await expect(fetchBytes(repository, descriptor)).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_RESPONSE' });
    expect(requests).toBeLessThan(20);
  });

  it('that fails for a while is asked again; one that fails always is reported with its own words', async () => {
    let failures = 1;
    const flaky = await against((_request, response) =>
      failures-- > 0 ? response.writeHead(503).end() : response.end(blob),
    );
    expect(Buffer.from(await fetchBytes(flaky, descriptor)).equals(blob)).toBe(true);
    const broken = await against((_request, response) =>
      response.writeHead(500).end('{"errors":[{"code":"UNKNOWN","message":"disk on fire"}]}'),
    );
    await expect(fetchBytes(broken, descriptor)).rejects.toMatchObject({
      code: 'ERR_OCI_REGISTRY',
      status: 500,
      message: expect.stringMatching(/disk on fire/),
    });
  });

  it('that stops sending is given up', async () => {
    const repository = await against(
      (_request, response) => void response.writeHead(200, { 'content-length': 10 }).write('some'),
    );
    await expect(fetchBytes(repository, descriptor)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_OCI_(UNREACHABLE|TIMEOUT)$/),
    });
  });

  it('that is down is named', async () => {
    const repository = repositoryAt('127.0.0.1:1', { retries: 0 });
    await expect(repository.resolve('1')).rejects.toMatchObject({
      code: 'ERR_OCI_UNREACHABLE',
      message: expect.stringMatching(/127\.0\.0\.1:1/),
    });
  });

  it('that refuses a password gets it once only', async () => {
    let requests = 0;
    const repository = await against(
      (_request, response) => {
        requests += 1;
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      },
      { credentials: user },
    );
    await expect(repository.fetchReference('1')).rejects.toMatchObject({ code: 'ERR_OCI_UNAUTHORIZED' });
    expect(requests).toBe(2);
    await expect(repository.fetchReference('1')).rejects.not.toMatchObject({
      message: expect.stringMatching(/secret/),
    });
  });

  it('whose token service is on plain HTTP elsewhere gets no credentials', async () => {
    const repository = await against(
      (_request, response) =>
        response.writeHead(401, { 'www-authenticate': 'Bearer realm="ftp://tokens.example/x",service="s"' }).end(),
      { credentials: user },
    );
    await expect(repository.fetchReference('1')).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_RESPONSE' });
  });

  it('that redirects to another host does not take the credentials along', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end(blob);
    });
    const location = `http://${other}/blob`;
    const repository = await against(
      (request, response) =>
        request.headers.authorization
          ? response.writeHead(307, { location }).end()
          : response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
      { credentials: user },
    );
    expect(Buffer.from(await fetchBytes(repository, descriptor)).equals(blob)).toBe(true);
    expect(seen).toEqual([undefined]);
  });

  it('whose redirect leads to a port of the same host, which asks for credentials, does not get them (GHSA-vh4v-2xq2-g5cg)', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    const repository = await against(
      (request, response) =>
        request.headers.authorization
          ? response.writeHead(307, { location: `http://${other}/blob` }).end()
          : response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
      { credentials: user },
    );
    await expect(fetchBytes(repository, descriptor)).rejects.toMatchObject({ code: 'ERR_OCI_UNAUTHORIZED' });
    expect(seen).toEqual([undefined]);
  });

  it('whose URLs carry signatures does not bring them into what is told of requests or errors (GHSA-5jhf-2qmf-m8c5)', async () => {
    const told: string[] = [];
    const other = await serve((_request, response) => response.writeHead(403).end());
    const location = `http://${other}/blob?X-Amz-Signature=hidden-word&sig=hidden-word`;
    const repository = await against((_request, response) => response.writeHead(307, { location }).end(), {
      onRequest: (event) => told.push(JSON.stringify(event)),
    });
    const error = await errorOf(() => fetchBytes(repository, descriptor));
    expect(told.join()).toContain('/blob?X-Amz-Signature=…');
    expect(`${told.join()} ${String(error)} ${JSON.stringify(error)}`).not.toContain('hidden-word');
  });

  it('that states an enormous size is not given the memory for it (GHSA-f36w-mj3v-6jqv)', async () => {
    const repository = await against((_request, response) => response.end(blob), { rangeConnections: 8 });
    const enormous = { ...descriptor, size: 2 ** 52 };
    const before = process.memoryUsage().arrayBuffers;
    await expect(repository.fetch(enormous).then(list)).rejects.toMatchObject({ code: 'ERR_OCI_SIZE_MISMATCH' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  });

  it('whose list of tags leads to another host is not followed', async () => {
    const repository = await against((_request, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json', link: '<http://169.254.169.254/>; rel="next"' })
        .end('{"tags":["a"]}'),
    );
    await expect(async () => {
      for await (const tag of repository.tags()) expect(tag).toBe('a');
    }).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_RESPONSE' });
  });

  it('that fails to list referrers is an error, not an empty list', async () => {
    const repository = await against((_request, response) => response.writeHead(500).end());
    await expect(async () => {
      for await (const entry of repository.predecessors(descriptor)) expect(entry).toBeUndefined();
    }).rejects.toMatchObject({ code: 'ERR_OCI_REGISTRY' });
  });

  it('can be left by a signal', async () => {
    const repository = await against(() => undefined);
    await expect(repository.resolve('1', { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      code: 'ERR_OCI_ABORTED',
    });
  });

  it('that stops in the middle of a manifest is given up with a typed error, after another try', async () => {
    let requests = 0;
    const repository = await against((_request, response) => {
      requests += 1;
      response.writeHead(200, { 'content-type': MEDIA_TYPE_MANIFEST, 'content-length': 100 }).write('{');
    });
    await expect(repository.fetchReference('1')).rejects.toMatchObject({ code: 'ERR_OCI_TIMEOUT' });
    expect(requests).toBe(2);
  });

  it('whose connection breaks in the middle of a blob is asked for the rest only', async () => {
    const ranges: (string | undefined)[] = [];
    const repository = await against((request, response) => {
      const { range } = request.headers;
      ranges.push(range);
      if (range === undefined) {
        response.writeHead(200, { 'content-length': blob.length }).write(blob.subarray(0, 4), () => response.destroy());
      } else {
        response.writeHead(206, { 'content-range': `bytes 4-9/${blob.length}` }).end(blob.subarray(4));
      }
    });
    expect(Buffer.from(await fetchBytes(repository, descriptor)).toString()).toBe(blob.toString());
    expect(ranges).toEqual([undefined, 'bytes=4-9']);
  });

  it('that ignores ranges, or answers with another one, gives no wrong bytes', async () => {
    const ignoring = await against((_request, response) => response.end(blob));
    expect(Buffer.concat(await list(await ignoring.fetch(descriptor, { range: [5, 9] }))).toString()).toBe('bytes');
    const lying = await against((_request, response) =>
      response.writeHead(206, { 'content-range': 'bytes 0-4/10' }).end(blob.subarray(0, 5)),
    );
    const part = await lying.fetch(descriptor, { range: [5, 9] });
    await expect(list(part)).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_RESPONSE' });
  });

  it('that answers HEAD with a web page is not believed', async () => {
    const repository = await against((_request, response) =>
      response
        .writeHead(200, {
          'content-type': 'text/html',
          'content-length': 5,
          'docker-content-digest': descriptor.digest,
        })
        .end('<h1/>'),
    );
    await expect(repository.resolve('1')).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_RESPONSE' });
  });

  it.each([
    ['not JSON', '<h1>'],
    ['no list', '{"schemaVersion":2}'],
    ['an entry without digest', '{"schemaVersion":2,"manifests":[{"mediaType":"x","size":1}]}'],
    [
      'annotations that are no text',
      `{"schemaVersion":2,"manifests":[{"mediaType":"x","size":1,"digest":"${descriptor.digest}","annotations":{"a":1}}]}`,
    ],
    ['null', 'null'],
  ])('whose list of referrers is %s is an error', async (_what, body) => {
    const repository = await against((_request, response) =>
      response.writeHead(200, { 'content-type': MEDIA_TYPE_INDEX }).end(body),
    );
    await expect(list(repository.predecessors(descriptor))).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_RESPONSE' });
  });

  it.each([
    ['redirects to a web page (GHCR)', 303],
    ['says 404', 404],
    ['says 400', 400],
  ])('that %s instead of listing referrers is asked for the tag, and not again for the list', async (_what, status) => {
    const seen: string[] = [];
    const repository = await against((request, response) => {
      seen.push(request.url ?? '');
      response.writeHead(request.url?.includes('/referrers/') ? status : 404, { location: '/login' }).end('<h1>');
    });
    expect(await list(repository.predecessors(descriptor))).toEqual([]);
    expect(await list(repository.predecessors(descriptor))).toEqual([]);
    const tag = `/v2/a/b/manifests/${descriptor.digest.replace(':', '-')}`;
    expect(seen).toEqual([`/v2/a/b/referrers/${descriptor.digest}`, tag, tag]);
  });

  it('that does not know the repository yet may have the referrers API all the same', async () => {
    let known = false;
    const repository = await against((request, response) => {
      if (!known) return response.writeHead(404).end('{"errors":[{"code":"NAME_UNKNOWN"}]}');
      if (!request.url?.includes('/referrers/')) return response.writeHead(404).end();
      const entry = { mediaType: MEDIA_TYPE_MANIFEST, digest: descriptor.digest, size: 1 };
      // ACR filters, but leaves the type out of the entries.
      return response
        .writeHead(200, { 'content-type': MEDIA_TYPE_INDEX, 'oci-filters-applied': 'artifactType' })
        .end(JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
    });
    expect(await list(repository.predecessors(descriptor))).toEqual([]);
    known = true;
    expect(await list(repository.predecessors(descriptor, { artifactType: 'a/b' }))).toHaveLength(1);
  });

  it('whose pages have no end is left', async () => {
    let page = 0;
    const tags = JSON.stringify({ tags: Array.from({ length: 1_000 }, (_, i) => `t${i}`) });
    const repository = await against((_request, response) =>
      response.writeHead(200, { link: `</p?n=${page++}>; rel="next"` }).end(tags),
    );
    await expect(list(repository.tags())).rejects.toMatchObject({ code: 'ERR_OCI_LIMIT' });
    expect(page).toBeLessThan(200);
  });

  it('whose list of referrers leads to another host is not followed', async () => {
    const repository = await against((_request, response) =>
      response
        .writeHead(200, { 'content-type': MEDIA_TYPE_INDEX, link: '<//169.254.169.254/x>; rel="next"' })
        .end('{"schemaVersion":2,"manifests":[]}'),
    );
    await expect(list(repository.predecessors(descriptor))).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_RESPONSE' });
  });

  it('that wants a blob elsewhere gets it there, without the credentials', async () => {
    const seen: unknown[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization, request.url, request.headers['content-length']);
      request.resume().on('end', () => response.writeHead(201).end());
    });
    const repository = await against(
      (request, response) =>
        request.headers.authorization
          ? response.writeHead(202, { location: `http://${other}/put?sig=a%2Fb` }).end()
          : response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
      { credentials: user },
    );
    await repository.push(descriptor, blob);
    expect(seen).toEqual([undefined, `/put?sig=a%2Fb&digest=${encodeURIComponent(descriptor.digest)}`, '10']);
  });

  it('that drops a blob in the middle gets it whole, in a new upload', async () => {
    const seen: string[] = [];
    let uploads = 0;
    const repository = await against((request, response) => {
      seen.push(`${request.method} ${(request.url ?? '').split('?')[0]}`);
      if (request.method === 'POST') return response.writeHead(202, { location: `/u/${++uploads}` }).end();
      if (uploads === 1) return request.socket.destroy();
      return request.resume().on('end', () => response.writeHead(201).end());
    });
    await repository.push(descriptor, () => blobChunks());
    expect(seen).toEqual(['POST /v2/a/b/blobs/uploads/', 'PUT /u/1', 'POST /v2/a/b/blobs/uploads/', 'PUT /u/2']);
  });

  it.each([
    ['small', 10],
    ['big', 1_000_000],
  ])('never gets the end of a %s file that changed, and is told that the upload is given up', async (_what, size) => {
    const received: number[] = [];
    const methods: string[] = [];
    const repository = await against((request, response) => {
      methods.push(request.method ?? '');
      if (request.method === 'POST') return response.writeHead(202, { location: '/u/1' }).end();
      if (request.method === 'PUT') return request.on('data', (chunk: Buffer) => received.push(chunk.length));
      return response.writeHead(204).end();
    });
    const changed = { ...descriptor, size };
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      // Time to send what was given, also after the last chunk.
      for (let i = 0; i < 10; i++, await sleep(20)) yield Buffer.alloc(size / 10);
    };
    await expect(repository.push(changed, chunks)).rejects.toMatchObject({ code: 'ERR_OCI_DIGEST_MISMATCH' });
    expect(received.reduce((sum, length) => sum + length, 0)).toBeLessThan(size);
    expect(methods).toContain('DELETE');
    await expect(repository.push(changed, Buffer.alloc(size))).rejects.toMatchObject({
      code: 'ERR_OCI_DIGEST_MISMATCH',
    });
    expect(methods.filter((method) => method === 'POST')).toHaveLength(1);
  });

  it('that stores a blob under another digest is found out', async () => {
    const repository = await against((request, response) => {
      if (request.method === 'POST') return response.writeHead(202, { location: '/u/1' }).end();
      return request
        .resume()
        .on('end', () => response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end());
    });
    await expect(repository.push(descriptor, blob)).rejects.toMatchObject({ code: 'ERR_OCI_DIGEST_MISMATCH' });
  });

  it('cannot drive the terminal by what it says', async () => {
    const warnings: string[] = [];
    const repository = await against(
      (_request, response) =>
        response
          .writeHead(400, { warning: '299 - "old\t\u0085 version"' })
          .end(JSON.stringify({ errors: [{ code: 'A\u001b[31m', message: 'x\r\n\u202ey' }] })),
      { onWarning: (text) => warnings.push(text) },
    );
    const error = await errorOf(() => repository.fetchReference('1'));
    expect(error).toMatchObject({ registryCode: 'A [31m', registryMessage: 'x y', status: 400 });
    expect(warnings).toEqual(['old  version']);
  });

  it('that asks for a pause gets one, which a signal can end', async () => {
    const repository = await against((_request, response) => response.writeHead(429, { 'retry-after': '3600' }).end());
    const waiting = repository.fetchReference('1', { signal: AbortSignal.timeout(100) });
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_OCI_ABORTED' });
  });

  it('that repeats itself for ever is not asked more often than agreed', async () => {
    let requests = 0;
    const repository = await against(
      (_request, response) => {
        requests += 1;
        response.writeHead(503, { 'retry-after': '0' }).end();
      },
      { retries: 3 },
    );
    await expect(repository.fetchReference('1')).rejects.toMatchObject({ code: 'ERR_OCI_REGISTRY', status: 503 });
    expect(requests).toBe(4);
  });

  it.each(['..', 'a/b', 'a b', '', 'sha256:abc', 'x'.repeat(129)])('is never asked for the tag %j', async (tag) => {
    let requests = 0;
    const repository = await against(() => void (requests += 1));
    await expect(repository.resolve(tag)).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_REFERENCE' });
    await expect(repository.fetchReference(tag)).rejects.toMatchObject({ code: 'ERR_OCI_INVALID_REFERENCE' });
    expect(requests).toBe(0);
  });

  it.each([
    ['127.0.0.1:99999', 'a'],
    ['[:::1]', 'a'],
    ['r.example', '../a'],
    ['r.example@evil.example', 'a'],
  ])('cannot have the name %s/%s', (registry, repository) => {
    expect(() => new Repository({ registry, repository })).toThrow(
      expect.objectContaining({ code: 'ERR_OCI_INVALID_REFERENCE' }),
    );
  });
});

describe('the way to a registry', () => {
  it('on the loopback interface is direct, whatever proxy the environment names', async () => {
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
    vi.stubEnv('http_proxy', 'http://127.0.0.1:1');
    try {
      const repository = await against((_request, response) => response.end(blob));
      expect(await fetchBytes(repository, descriptor)).toHaveLength(blob.length);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('by TLS needs a known authority; a given one is taken in addition', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tls-'));
    const files = makeCertificate(folder, ['-addext', 'subjectAltName=IP:127.0.0.1']);
    const [key, cert] = [await readFile(files.key), await readFile(files.cert, 'utf8')];
    const server = createTlsServer({ key, cert }, (_request, response) => response.end(blob));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const stranger = repositoryAt(host, { plainHttp: false });
      await expect(fetchBytes(stranger, descriptor)).rejects.toMatchObject({
        code: 'ERR_OCI_UNREACHABLE',
        hint: expect.stringMatching(/--ca-file/),
      });
      const friend = repositoryAt(host, { plainHttp: false, ca: cert });
      expect(await fetchBytes(friend, descriptor)).toHaveLength(blob.length);
      await mkdir(join(folder, 'other'));
      const other = makeCertificate(join(folder, 'other'));
      const face = new URL('../src/index.ts', import.meta.url).href;
      const program = `
        const { readFileSync } = await import('node:fs');
        const { fetchBytes, Repository } = await import(${JSON.stringify(face)});
        const ca = readFileSync(${JSON.stringify(other.cert)}, 'utf8');
        const options = { plainHttp: false, ca, credentials: { find: async () => undefined } };
        const repository = new Repository({ registry: ${JSON.stringify(host)}, repository: 'a/b' }, options);
        console.log((await fetchBytes(repository, ${JSON.stringify(descriptor)})).length);
        await repository.close();
      `;
      // The machine's own authorities, here by way of the environment, are still known when another one is given.
      const env = { ...process.env, NODE_EXTRA_CA_CERTS: files.cert };
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env });
      expect(stdout.trim()).toBe(String(blob.length));
    } finally {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is not changed from TLS to plain HTTP', async () => {
    const host = await serve((_request, response) => response.end(blob));
    const repository = repositoryAt(host, { plainHttp: false });
    await expect(fetchBytes(repository, descriptor)).rejects.toMatchObject({
      code: 'ERR_OCI_DENIED_PLAIN_HTTP',
      hint: expect.stringMatching(/--plain-http/),
    });
  });

  it('to something that is no HTTP server is a typed error', async () => {
    const server = createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const repository = repositoryAt(`127.0.0.1:${(server.address() as AddressInfo).port}`, {
        retries: 0,
        credentials: anonymous,
      });
      await expect(repository.resolve('1')).rejects.toMatchObject({ code: 'ERR_OCI_UNREACHABLE' });
    } finally {
      server.close();
    }
  });
});

async function* blobChunks(): AsyncGenerator<Uint8Array> {
  yield blob.subarray(0, 5);
  yield blob.subarray(5);
}
