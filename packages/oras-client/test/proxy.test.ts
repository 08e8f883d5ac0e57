import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { digestOf, fetchBytes } from '../src/index.ts';
import { environmentProxies, proxyFor } from '../src/remote/proxy.ts';
import { repositoryAt } from './support/http.ts';
import { errorOf } from './support/list.ts';
import { makeCertificate } from './support/token-server.ts';

const blob = Buffer.from('some bytes');
const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(blob), size: blob.length };

describe('the proxy on the way to a host', () => {
  const settings = { httpProxy: 'http://plain:1', httpsProxy: 'secure:2' };
  it.each([
    ['https://r.example/', '', 'http://secure:2/'],
    ['http://r.example/', '', 'http://plain:1/'],
    ['https://r.example/', 'example', undefined],
    ['https://r.example/', '.example', undefined],
    ['https://r.example/', '*.example', undefined],
    ['https://example/', '.example', 'http://secure:2/'],
    ['https://rexample/', 'example', 'http://secure:2/'],
    ['https://r.example:8443/', 'r.example:8443', undefined],
    ['https://r.example/', 'r.example:8443', 'http://secure:2/'],
    ['https://R.Example/', 'other, r.EXAMPLE', undefined],
    ['https://r.example/', '*', undefined],
    ['https://10.1.2.3/', '10.0.0.0/8', undefined],
    ['https://11.1.2.3/', '10.0.0.0/8', 'http://secure:2/'],
    ['https://10.1.2.3/', '10.0.0.0/99', 'http://secure:2/'],
    ['https://[fd00::1]/', 'fd00::/8', undefined],
    ['https://[fd00::1]/', 'fd00::1', undefined],
    ['https://[fd00::1]/', '[fd00::1]', undefined],
    ['https://127.0.0.1/', '', undefined],
  ])('%s without %j goes by %s', (url, noProxy, expected) => {
    expect(proxyFor(new URL(url), { ...settings, noProxy })?.href).toBe(expected);
  });

  it('that is no URL is a typed error, which does not show it', () => {
    for (const httpsProxy of ['http://user:hidden-word@', 'ftp://user:hidden-word@host', '://']) {
      const call = (): unknown => proxyFor(new URL('https://r.example'), { httpsProxy });
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_OCI_PROXY' }));
      expect(call).not.toThrow(/hidden-word/);
    }
  });

  it('is read from the environment, where an empty variable names none', () => {
    expect(environmentProxies({ HTTPS_PROXY: 'http://a', https_proxy: '', NO_PROXY: 'b' })).toBeUndefined();
    expect(environmentProxies({ HTTPS_PROXY: 'http://a', no_proxy: 'b' })).toEqual({
      httpsProxy: 'http://a',
      noProxy: 'b',
    });
  });
});

describe('a registry behind a proxy', () => {
  const folder = mkdtempSync(join(tmpdir(), 'proxy-'));
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  let ca = '';
  let registryPort = 0;
  const seenByRegistry: (string | undefined)[] = [];

  const listen = async (server: Server): Promise<number> => {
    servers.push(server);
    server.on('connection', (socket: Socket) => void sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  /** A proxy that takes every CONNECT to the one registry that there is. */
  const startProxy = async (wanted?: string): Promise<{ port: number; asked: string[] }> => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end(blob);
    });
    server.on('connect', (request, client: Socket) => {
      asked.push(`CONNECT ${request.url}`);
      if (wanted !== undefined && request.headers['proxy-authorization'] !== wanted) {
        client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
        return;
      }
      const upstream = connect(registryPort, '127.0.0.1', () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
      for (const socket of [client, upstream]) socket.on('error', () => undefined);
      upstream.pipe(client).pipe(upstream);
    });
    return { port: await listen(server), asked };
  };

  beforeAll(async () => {
    const { key, cert } = makeCertificate(folder, ['-addext', 'subjectAltName=DNS:registry.example']);
    ca = readFileSync(cert, 'utf8');
    const server = createTlsServer({ key: readFileSync(key), cert: ca }, (request, response) => {
      seenByRegistry.push(request.headers['proxy-authorization']);
      response.end(blob);
    });
    registryPort = await listen(server);
  });
  afterEach(() => seenByRegistry.splice(0));
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true });
  });

  it('is reached through it, and the proxy’s password stays there', async () => {
    const basic = `Basic ${Buffer.from('me:hidden-word').toString('base64')}`;
    const { port, asked } = await startProxy(basic);
    const proxies = { httpsProxy: `http://me:hidden-word@127.0.0.1:${port}` };
    const repository = repositoryAt('registry.example', { ca, proxies });
    expect(Buffer.from(await fetchBytes(repository, descriptor)).equals(blob)).toBe(true);
    expect(asked).toEqual(['CONNECT registry.example:443']);
    expect(seenByRegistry).toEqual([undefined]);
  });

  it('that refuses the password says so, without the password', async () => {
    const { port } = await startProxy('Basic other');
    const proxies = { httpsProxy: `http://me:hidden-word@127.0.0.1:${port}` };
    const error = await errorOf(() => fetchBytes(repositoryAt('registry.example', { ca, proxies }), descriptor));
    expect(error).toMatchObject({ code: 'ERR_OCI_PROXY', message: expect.stringMatching(/407/) });
    expect(JSON.stringify([error, String((error as Error).cause)])).not.toMatch(/hidden-word/);
  });

  it('by plain HTTP is asked by the whole address, without a tunnel', async () => {
    const { port, asked } = await startProxy();
    const proxies = { httpProxy: `http://127.0.0.1:${port}` };
    const repository = repositoryAt('registry.example:5000', { plainHttp: true, proxies });
    expect(Buffer.from(await fetchBytes(repository, descriptor)).equals(blob)).toBe(true);
    expect(asked).toEqual([`GET http://registry.example:5000/v2/a/b/blobs/${descriptor.digest}`]);
  });

  it('that nobody answers for is named as the proxy', async () => {
    const proxies = { httpsProxy: 'http://127.0.0.1:1' };
    const repository = repositoryAt('registry.example', { ca, proxies, retries: 0 });
    await expect(repository.resolve('1')).rejects.toMatchObject({
      code: 'ERR_OCI_PROXY',
      message: expect.stringMatching(/127\.0\.0\.1:1 on the way to registry\.example/),
    });
  });
});
