import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseCommandLine } from '../src/command-line.ts';
import { createRegistry } from '../src/index.ts';
import { callerOf, pushBlob } from './client.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'registry-command-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the command line', () => {
  it('sets users, rights, switches and faults', () => {
    const line =
      '--user a:b:c --token --allow anyone=pull:* --allow a=pull,push:team/* ' +
      '--behaviour ghcr --behaviour head=false --behaviour rateLimit=5/60 ' +
      '--fault status,status=503,first=2,on=blob+manifest --fault corrupt,probability=0.5 --seed 9 ' +
      '--upstream http://127.0.0.1:5000 --upstream-user u:p';
    const { registry } = parseCommandLine(line.split(' '));
    expect(registry).toMatchObject({
      auth: {
        users: { a: 'b:c' },
        scheme: 'bearer',
        access: [
          { repository: '*', actions: ['pull'] },
          { user: 'a', repository: 'team/*', actions: ['pull', 'push'] },
        ],
      },
      behaviour: { referrersApi: false, patchLimit: 4_194_304, head: false, rateLimit: { pulls: 5, seconds: 60 } },
      faults: {
        seed: 9,
        rules: [
          { kind: 'status', status: 503, first: 2, on: ['blob', 'manifest'] },
          { kind: 'corrupt', probability: 0.5 },
        ],
      },
      upstream: { url: 'http://127.0.0.1:5000', username: 'u', password: 'p' },
    });
  });

  it.each([
    [['--host', '0.0.0.0'], /--allow-remote/],
    [['--port', '70000'], /--port/],
    [['--user', 'nobody'], /name:password/],
    [['--allow', 'a=fly:*'], /--allow takes/],
    [['--behaviour', 'nowhere'], /there are docker-hub/],
    [['--behaviour', 'head=maybe'], /head cannot be "maybe"/],
    [['--behaviour', 'constructor=1'], /has no "constructor"/],
    [['--fault', 'explode'], /there are latency/],
    [['--fault', 'status'], /needs status=/],
    [['--fault', 'slow,bytesPerSecond=fast'], /cannot be "fast"/],
    [['--fault', 'corrupt,on=nothing'], /on cannot be "nothing"/],
    [['--tls-key', 'x'], /--tls-key and --tls-cert/],
    [['--upstream', 'ftp://x'], /http or https/],
    [['--gc'], /--root/],
    [['--memory', '--root', 'x'], /exclude/],
  ])('%j is refused', (args, message) => {
    expect(() => parseCommandLine(args)).toThrow(message);
  });

  it('collects garbage', async () => {
    await using registry = await createRegistry({ root: folder });
    await pushBlob(callerOf(registry.url), 'nobody wants it');
    const main = join(import.meta.dirname, '..', 'src', 'main.ts');
    const { stdout, stderr } = spawnSync(process.execPath, [main, '--root', folder, '--gc', '--gc-min-age', '0'], {
      encoding: 'utf8',
    });
    expect(stdout, stderr).toBe('removed 0 manifests, 1 blobs, 0 uploads: 15 bytes\n');
  });
});

function makeCertificate(name: string): { key: Buffer; cert: Buffer } {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ],
    { stdio: 'pipe' },
  );
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

function ask(url: string, options: object): Promise<{ status: number; challenge: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/v2/`, { ...options, agent: false }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, challenge: String(response.headers['www-authenticate']) });
    });
    asked.on('error', reject).end();
  });
}

describe('https', () => {
  it('is served with the given certificate, also in the address of the token service', async () => {
    const { key, cert } = makeCertificate('registry');
    await using registry = await createRegistry({ tls: { key, cert }, auth: { users: {}, scheme: 'bearer' } });
    const { status, challenge } = await ask(registry.url, { ca: cert });
    expect([status, challenge]).toEqual([401, expect.stringContaining(`realm="https://${registry.host}/token"`)]);
    await expect(ask(registry.url, {})).rejects.toThrow(/self-signed/);
  });

  it('is served to clients of an authority only, where there is one', async () => {
    const [server, client] = [makeCertificate('registry'), makeCertificate('client')];
    await using registry = await createRegistry({ tls: { ...server, clientCa: client.cert } });
    expect(await ask(registry.url, { ca: server.cert, ...client })).toMatchObject({ status: 200 });
    await expect(ask(registry.url, { ca: server.cert })).rejects.toThrow();
  });
});
