import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createServer, type ServerOptions } from 'node:https';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { Server, RequestListener } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf, fetchBytes } from '../src/index.ts';
import { repositoryAt } from './support/http.ts';
import { makeCertificate } from './support/token-server.ts';

const blob = Buffer.from('some bytes');
const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(blob), size: blob.length };
const folder = mkdtempSync(join(tmpdir(), 'tls-'));
const servers: Server[] = [];
const children: ChildProcess[] = [];
let server_: { key: Buffer; cert: Buffer };
let client: { key: string; cert: string };
let ca: string;

async function serveTls(options: ServerOptions, listener: RequestListener): Promise<string> {
  const server = createServer({ ...server_, ...options }, listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function pair(name: string, extra: string[]): { key: string; cert: string } {
  mkdirSync(join(folder, name));
  return makeCertificate(join(folder, name), extra);
}

beforeAll(() => {
  const own = pair('server', ['-addext', 'subjectAltName=IP:127.0.0.1']);
  server_ = { key: readFileSync(own.key), cert: readFileSync(own.cert) };
  ca = readFileSync(own.cert, 'utf8');
  const shown = pair('client', []);
  client = { key: readFileSync(shown.key, 'utf8'), cert: readFileSync(shown.cert, 'utf8') };
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true });
});

/** Asks for a client certificate, takes any, and tells whether one came. */
async function asking(seen: boolean[], answer: RequestListener): Promise<string> {
  return serveTls({ requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const { raw } = (request.socket as TLSSocket).getPeerCertificate() as { raw?: Buffer };
    seen.push(raw !== undefined);
    answer(request, response);
  });
}

describe('a client certificate', () => {
  it('is shown to the registry, and not to a host that it redirects to', async () => {
    const [atRegistry, elsewhere]: [boolean[], boolean[]] = [[], []];
    const other = await asking(elsewhere, (_request, response) => response.end(blob));
    const registry = await asking(atRegistry, (_request, response) =>
      response.writeHead(307, { location: `https://${other}/blob` }).end(),
    );
    const repository = repositoryAt(registry, { plainHttp: false, ca, ...client });
    await fetchBytes(repository, descriptor);
    expect([atRegistry, elsewhere]).toEqual([[true], [false]]);
  });

  it('and the authority are found in certs.d; the registry’s certificate is not for the others there', async () => {
    const [atRegistry, elsewhere]: [boolean[], boolean[]] = [[], []];
    const other = await asking(elsewhere, (_request, response) => response.end(blob));
    const registry = await asking(atRegistry, (_request, response) =>
      response.writeHead(307, { location: `https://${other}/blob` }).end(),
    );
    const certs = join(folder, 'certs.d');
    for (const host of [registry, other]) {
      mkdirSync(join(certs, host), { recursive: true });
      writeFileSync(join(certs, host, 'ca.crt'), ca);
      cpSync(join(folder, 'client', 'cert.pem'), join(certs, host, 'me.cert'));
      cpSync(join(folder, 'client', 'key.pem'), join(certs, host, 'me.key'));
    }
    const repository = repositoryAt(registry, { plainHttp: false, certsFolders: [join(folder, 'none'), certs] });
    await fetchBytes(repository, descriptor);
    expect([atRegistry, elsewhere]).toEqual([[true], [false]]);
  });

  it.each([
    ['-tls1_2', 'ERR_OCI_CERTIFICATE'],
    ['-tls1_3', 'ERR_OCI_UNREACHABLE'],
  ])('that a registry wants and does not get is named (%s)', async (version, code) => {
    const files = ['-key', join(folder, 'server', 'key.pem'), '-cert', join(folder, 'server', 'cert.pem')];
    const server = spawn('openssl', [
      's_server',
      '-accept',
      '127.0.0.1:0',
      '-Verify',
      '1',
      '-verify_return_error',
      version,
      ...files,
    ]);
    children.push(server);
    const registry = await new Promise<string>((resolve) => {
      let shown = '';
      server.stdout.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
        const address = /ACCEPT (127\.0\.0\.1:\d+)/.exec(shown)?.[1];
        if (address !== undefined) resolve(address);
      });
    });
    await expect(
      fetchBytes(repositoryAt(registry, { plainHttp: false, ca, retries: 0, certsFolders: [] }), descriptor),
    ).rejects.toMatchObject({ code, hint: expect.stringMatching(/--cert-file/) });
  });

  it.each([
    ['a certificate without key', { cert: 'x' }],
    ['a key that is not PEM', { cert: 'x', key: 'hidden-word' }],
  ])('given as %s is a typed error, which does not show it', async (_what, given) => {
    const repository = repositoryAt('127.0.0.1:1', { plainHttp: false, certsFolders: [], ...given });
    await expect(repository.resolve('1')).rejects.toMatchObject({
      code: 'ERR_OCI_CERTIFICATE',
      message: expect.not.stringMatching(/hidden-word/),
    });
  });

  it.each(['me.cert', 'me.key'])('of which certs.d has only %s is a typed error', async (name) => {
    const certs = mkdtempSync(join(folder, 'half-'));
    mkdirSync(join(certs, '127.0.0.1:1'));
    writeFileSync(join(certs, '127.0.0.1:1', name), 'x');
    const repository = repositoryAt('127.0.0.1:1', { plainHttp: false, certsFolders: [certs] });
    await expect(repository.resolve('1')).rejects.toMatchObject({
      code: 'ERR_OCI_CERTIFICATE',
      message: expect.stringContaining(join('127.0.0.1:1', name)),
    });
  });
});

describe('a registry whose certificate nobody vouches for', () => {
  it('is taken where the operating system vouches for it', async () => {
    const registry = await serveTls({}, (_request, response) => response.writeHead(404).end());
    const face = new URL('../src/index.ts', import.meta.url).href;
    const program = `
      const { Repository } = await import(${JSON.stringify(face)});
      const options = { plainHttp: false, certsFolders: [], registries: false, credentials: { find: async () => undefined } };
      await using repository = new Repository({ registry: ${JSON.stringify(registry)}, repository: 'a/b' }, options);
      for (let i = 0; i < 2; i++) console.log(await repository.resolve('x').catch(({ code }) => code));
    `;
    // OpenSSL's variable for where the system keeps its authorities.
    const env = { ...process.env, SSL_CERT_FILE: join(folder, 'server', 'cert.pem') };
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env });
    expect(stdout.trim().split('\n')).toEqual(['ERR_OCI_NOT_FOUND', 'ERR_OCI_NOT_FOUND']);
  });

  it('is refused, and taken without verification only on demand and only itself', async () => {
    const other = await serveTls({}, (_request, response) => response.end(blob));
    const registry = await serveTls({}, (request, response) =>
      request.url?.includes('blobs')
        ? response.writeHead(307, { location: `https://${other}/blob` }).end()
        : response.writeHead(404).end(),
    );
    const strict = repositoryAt(registry, { plainHttp: false, certsFolders: [] });
    await expect(strict.resolve('1')).rejects.toMatchObject({ code: 'ERR_OCI_UNREACHABLE' });
    const lax = repositoryAt(registry, { plainHttp: false, certsFolders: [], insecureTls: true });
    await expect(lax.resolve('1')).rejects.toMatchObject({ code: 'ERR_OCI_NOT_FOUND' });
    await expect(fetchBytes(lax, descriptor)).rejects.toMatchObject({ code: 'ERR_OCI_UNREACHABLE' });
  });

  it('headers of one’s own go to it and to no other host', async () => {
    const seen: (string | undefined)[] = [];
    const other = await serveTls({}, (request, response) => {
      seen.push(request.headers['x-mine'] as string | undefined);
      response.end(blob);
    });
    const registry = await serveTls({}, (request, response) => {
      seen.push(request.headers['x-mine'] as string | undefined);
      response.writeHead(307, { location: `https://${other}/blob` }).end();
    });
    await fetchBytes(repositoryAt(registry, { plainHttp: false, ca, headers: { 'x-mine': 'yes' } }), descriptor);
    expect(seen).toEqual(['yes', undefined]);
  });
});
