import type { Credential } from '../credentials/credential.ts';
import { OciError } from '../errors.ts';
import type { HttpClient, HttpResponse } from './http-client.ts';

/** Token answers are read up to this size. */
const MAX_TOKEN_SIZE = 128 * 1024;
/** Seconds a token is good for where the answer does not say (distribution's token specification). */
const DEFAULT_TOKEN_LIFE_S = 60;
/** Token services without the OAuth2 way answer its POST like this. */
const NO_OAUTH2: ReadonlySet<number> = new Set([400, 401, 404, 405]);

/** A bearer token. */
export interface Token {
  token: string;
  /** Milliseconds since 1970. */
  expires: number;
}

/** What is asked of a token service. */
export interface TokenRequest {
  registry: string;
  realm: URL;
  service: string | undefined;
  scopes: readonly string[];
  credential: Credential | undefined;
  /** Where the credential came from, for messages. */
  source: string;
}

/**
 * Fetches a bearer token: with an identity token by OAuth2 (POST), else with user and password or anonymously (GET); see distribution's
 * token and OAuth2 specifications.
 *
 * @throws {OciError} `ERR_OCI_UNAUTHORIZED` where the credential is refused, `ERR_OCI_INVALID_RESPONSE`, `ERR_OCI_REGISTRY`.
 */
export async function fetchToken(http: HttpClient, request: TokenRequest): Promise<Token> {
  const { credential } = request;
  if (credential?.refreshToken === undefined) return readToken(await getToken(http, request), request);
  const response = await postForToken(http, request, credential.refreshToken);
  if (!NO_OAUTH2.has(response.status) || !credential.username) return readToken(response, request);
  await response.discard();
  // Such a service takes the identity token for a password.
  const password = credential.password || credential.refreshToken;
  return readToken(await getToken(http, { ...request, credential: { ...credential, password } }), request);
}

/** `Basic` header of user and password. */
export function basicHeader(credential: Credential | undefined): string | undefined {
  if (!credential?.username) return undefined;
  return `Basic ${Buffer.from(`${credential.username}:${credential.password ?? ''}`).toString('base64')}`;
}

function postForToken(http: HttpClient, request: TokenRequest, refreshToken: string): Promise<HttpResponse> {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: 'bpfship',
    scope: request.scopes.join(' '),
    ...(request.service ? { service: request.service } : {}),
  });
  return http.send({
    method: 'POST',
    url: request.realm,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: Buffer.from(form.toString()),
    followRedirects: false,
  });
}

function getToken(http: HttpClient, { realm, service, scopes, credential }: TokenRequest): Promise<HttpResponse> {
  const url = new URL(realm);
  if (service) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const authorization = basicHeader(credential);
  return http.send({
    method: 'GET',
    url,
    headers: authorization === undefined ? {} : { authorization },
    followRedirects: false,
  });
}

async function readToken(response: HttpResponse, { registry, realm, source }: TokenRequest): Promise<Token> {
  const bytes = await response.bytes(MAX_TOKEN_SIZE);
  const details = { registry, operation: `token request to ${realm.host}`, status: response.status };
  if (response.status === 401 || response.status === 403 || response.status === 400) {
    throw new OciError(
      'ERR_OCI_UNAUTHORIZED',
      `${realm.host}, which gives tokens for ${registry}, refused the credentials from ${source} (HTTP ${response.status})`,
      { ...details, hint: `Log in again with "bpfship login ${registry}".` },
    );
  }
  if (response.status !== 200) {
    const message = `${realm.host} gave no token for ${registry} (HTTP ${response.status})`;
    throw new OciError('ERR_OCI_REGISTRY', message, details);
  }
  const token = parseToken(bytes);
  if (token) return token;
  // No cause: it would carry the token.
  throw new OciError('ERR_OCI_INVALID_RESPONSE', `${realm.host} answered the token request without a token`, details);
}

function parseToken(bytes: Uint8Array): Token | undefined {
  let answer: Record<string, unknown> | null;
  try {
    answer = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown> | null;
  } catch {
    return undefined;
  }
  const token = answer?.['token'] ?? answer?.['access_token'];
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return undefined;
  const stated = Number(answer?.['expires_in'] ?? DEFAULT_TOKEN_LIFE_S);
  const life = Math.max(Number.isFinite(stated) ? stated : 0, DEFAULT_TOKEN_LIFE_S);
  // A tenth earlier, for the time under way and for clocks that differ.
  return { token, expires: Date.now() + life * 900 };
}
