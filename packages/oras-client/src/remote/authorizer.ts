import { performance } from 'node:perf_hooks';
import type { CredentialSource, FoundCredential } from '../credentials/credential.ts';
import { OciError, throwIfAborted } from '../errors.ts';
import { allowedUrl } from './allowed-url.ts';
import { parseChallenges } from './challenge.ts';
import type { HttpClient, HttpResponse } from './http-client.ts';
import { covers, mergeScopes } from './scope.ts';
import { basicHeader, fetchToken, type Token } from './token-service.ts';

/** What an authorizer is for. */
export interface AuthorizerOptions {
  registry: string;
  /** Credentials may be kept for parts of a registry. */
  repository: string | undefined;
  /** The registry's address. */
  base: () => URL;
  credentials: CredentialSource;
  http: HttpClient;
}

/** Milliseconds after which a credential is looked up again: those of cloud helpers live for an hour. */
const CREDENTIAL_LIFE_MS = 30 * 60_000;

interface CachedToken {
  pending: Promise<Token>;
  /** Set when it has come. */
  token: Token | undefined;
}

/**
 * Answers a registry's challenges: anonymous, Basic, or Bearer with a token that is fetched once for each scope. One authorizer serves
 * one registry; what it gives never goes to another origin.
 */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #tokens = new Map<string, CachedToken>();
  readonly #secrets = new Set<string>();
  #found: { at: number; pending: Promise<FoundCredential | undefined> } | undefined;
  /** Where tokens are given, as the registry's challenge said. */
  #service: Record<string, string> | undefined;
  #scheme: 'unknown' | 'basic' | 'bearer' = 'unknown';
  /** A refused password is never sent twice: registries lock accounts for that. */
  #basicRefused = false;
  #tokenRefused: OciError | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** The `Authorization` header for a request of these scopes, where it is known without asking. */
  async header(scope: string, signal?: AbortSignal): Promise<string | undefined> {
    const credential = (await this.#credential())?.credential;
    throwIfAborted(signal);
    if (this.#scheme === 'basic') return this.#basicRefused ? undefined : basicHeader(credential);
    if (credential?.accessToken) return `Bearer ${credential.accessToken}`;
    for (const [has, { pending }] of this.#tokens) {
      if (!covers(has, scope)) continue;
      const known = await orAborted(
        pending.catch(() => undefined),
        signal,
      );
      if (known && isUsable(known, undefined)) return `Bearer ${known.token}`;
    }
    // Without asking again, where it is known by now who gives tokens. Where that fails, the registry's next challenge says more.
    if (this.#service === undefined || scope === '') return undefined;
    const fetched = this.#token(this.#service, scope, undefined).catch(() => undefined);
    const token = await orAborted(fetched, signal);
    return token && `Bearer ${token.token}`;
  }

  /**
   * The header that answers a 401.
   *
   * @param scope - one or more, separated by spaces, the needed one first.
   * @param sent - the header that was refused.
   * @returns `undefined` where nothing more can be offered.
   */
  async answer(
    response: HttpResponse,
    scope: string,
    sent: string | undefined,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const challenges = parseChallenges(response.headers['www-authenticate']);
    const bearer = challenges.find(({ scheme, params }) => scheme === 'bearer' && params['realm']);
    let header: string | undefined;
    if (bearer) {
      this.#scheme = 'bearer';
      const { realm = '', service } = bearer.params;
      this.#service = { realm, ...(service === undefined ? {} : { service }) };
      header = `Bearer ${(await orAborted(this.#token(bearer.params, scope, sent), signal)).token}`;
    } else if (challenges.some(({ scheme }) => scheme === 'basic')) {
      this.#scheme = 'basic';
      header = basicHeader((await this.#credential())?.credential);
      this.#basicRefused ||= header !== undefined && header === sent;
      if (this.#basicRefused) return undefined;
    }
    return header === sent ? undefined : header;
  }

  /** Where the credential in use came from, for messages. */
  async source(): Promise<string> {
    const found = await this.#credential();
    const more = await this.#options.credentials.explain?.(found !== undefined);
    return `${found?.source ?? 'none (anonymous)'}${more === undefined ? '' : `; ${more}`}`;
  }

  /** Takes this registry's secrets out of a text that came from outside. */
  conceal(text: string): string {
    return [...this.#secrets].reduce((rest, secret) => rest.replaceAll(secret, '…'), text);
  }

  #credential(): Promise<FoundCredential | undefined> {
    const { credentials, registry, repository } = this.#options;
    const now = performance.now();
    if (this.#found && now - this.#found.at < CREDENTIAL_LIFE_MS) return this.#found.pending;
    const known = this.#secrets.size;
    const pending = credentials.find(registry, repository).then((found) => {
      const { password, refreshToken, accessToken } = found?.credential ?? {};
      const basic = basicHeader(found?.credential)?.slice('Basic '.length);
      for (const secret of [password, refreshToken, accessToken, basic]) this.#remember(secret);
      // Another one than before was not refused yet.
      if (this.#secrets.size > known) {
        this.#basicRefused = false;
        this.#tokenRefused = undefined;
      }
      return found;
    });
    this.#found = { at: now, pending };
    return pending;
  }

  /** Very short ones would take apart every text. */
  #remember(secret: string | undefined): void {
    if (secret !== undefined && secret.length >= 4) this.#secrets.add(secret);
  }

  /** One request for all that wait for the same scope. Nothing is awaited before the entry is set, or there would be two. */
  #token(params: Record<string, string>, scope: string, sent: string | undefined): Promise<Token> {
    const known = this.#tokens.get(scope);
    if (known && (known.token === undefined || isUsable(known.token, sent))) return known.pending;
    if (this.#tokenRefused) return Promise.reject(this.#tokenRefused);
    // Not under the caller's signal: others may wait for the same token.
    const entry: CachedToken = { pending: this.#fetchToken(params, scope), token: undefined };
    this.#tokens.set(scope, entry);
    entry.pending.then(
      (token) => (entry.token = token),
      (error: unknown) => {
        this.#tokens.delete(scope);
        // Anything but 401 may be about this scope only.
        if (error instanceof OciError && error.status === 401) this.#tokenRefused = error;
      },
    );
    return entry.pending;
  }

  async #fetchToken(params: Record<string, string>, scope: string): Promise<Token> {
    const { registry, base, http } = this.#options;
    const realm = allowedUrl(params['realm'] ?? '', base(), base(), 'a token service');
    const scopes = mergeScopes(`${scope} ${params['scope'] ?? ''}`);
    const credential = (await this.#credential())?.credential;
    const source = (await this.#credential())?.source ?? 'none (anonymous)';
    const service = params['service'];
    const token = await fetchToken(http, { registry, realm, service, scopes, credential, source });
    this.#remember(token.token);
    return token;
  }
}

function isUsable({ token, expires }: Token, refusedHeader: string | undefined): boolean {
  return expires > Date.now() && `Bearer ${token}` !== refusedHeader;
}

/** Waits for something shared; a signal ends only this caller's waiting. */
async function orAborted<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return shared;
  throwIfAborted(signal);
  const { promise: aborted, resolve: stop } = Promise.withResolvers<undefined>();
  const listener = (): void => stop(undefined);
  signal.addEventListener('abort', listener, { once: true });
  try {
    const first = await Promise.race([shared, aborted]);
    throwIfAborted(signal);
    return first ?? (await shared);
  } finally {
    signal.removeEventListener('abort', listener);
  }
}
