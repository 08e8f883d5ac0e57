import { execFileSync } from 'node:child_process';
import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** Makes a key and a certificate that sign themselves, in a folder. */
export function makeCertificate(folder: string, extra: string[] = []): { key: string; cert: string } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const command = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', [...command, '-subj', '/CN=test', '-keyout', key, '-out', cert, ...extra], {
    stdio: 'ignore',
  });
  return { key, cert };
}

/** A token request as the server saw it. */
export interface SeenRequest {
  method: string;
  scopes: string[];
  user: string | undefined;
}

/** A token service as docker-registry trusts it, which knows the user `u` and the identity token `identity`. */
export function tokenServer(
  files: { key: string; cert: string },
  options: { lifeSeconds: () => number },
): { listener: RequestListener; seen: SeenRequest[] } {
  const seen: SeenRequest[] = [];
  const listener: RequestListener = (request, response) => {
    void (async () => {
      const form = new URLSearchParams(await text(request));
      const url = new URL(request.url ?? '', 'http://x');
      const given = request.method === 'POST' ? (form.get('scope') ?? '').split(' ') : url.searchParams.getAll('scope');
      const user = userOf(request.headers.authorization, form.get('refresh_token'));
      seen.push({ method: request.method ?? '', scopes: given, user });
      if (user === 'refused') return response.writeHead(401).end('{}');
      const token = makeToken(files, given, options.lifeSeconds());
      return response.end(JSON.stringify({ token, expires_in: 300 }));
    })();
  };
  return { listener, seen };
}

function userOf(authorization: string | undefined, refreshToken: string | null): string | undefined {
  if (refreshToken !== null) return refreshToken === 'identity' ? 'identity' : 'refused';
  if (authorization === undefined) return undefined;
  const credentials = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString();
  return credentials === 'u:secret-password' ? 'u' : 'refused';
}

function makeToken({ key, cert }: { key: string; cert: string }, scopes: string[], lifeSeconds: number): string {
  const now = Math.floor(Date.now() / 1000);
  const access = scopes.filter(Boolean).map((scope) => {
    const [type, name, actions = ''] = scope.split(':');
    return { type, name, actions: actions.split(',') };
  });
  const x5c = [new X509Certificate(readFileSync(cert)).raw.toString('base64')];
  const claims = {
    iss: 'issuer',
    aud: 'service',
    sub: 'u',
    nbf: now - 600,
    iat: now,
    exp: now + lifeSeconds,
    jti: String(now),
  };
  const payload = `${encode({ typ: 'JWT', alg: 'ES256', x5c })}.${encode({ ...claims, access })}`;
  const privateKey = createPrivateKey(readFileSync(key));
  const signature = sign('sha256', Buffer.from(payload), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${payload}.${signature.toString('base64url')}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
