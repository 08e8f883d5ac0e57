import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Action } from './caller.ts';

/** What a token allows in one repository (docker’s token specification, "JWT access tokens"). */
export interface Grant {
  type: string;
  name: string;
  actions: Action[];
}

/** What is in a token. */
export interface TokenClaims {
  /** Empty: nobody signed in. */
  sub: string;
  /** Seconds since 1970. */
  exp: number;
  iat: number;
  jti: string;
  access?: Grant[];
  /** A refresh token is good for the token service only. */
  use?: 'refresh';
}

const HEADER = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT' })).toString('base64url');

/** Makes and checks tokens, with a key that no other process has: they end with the registry. */
export class TokenSigner {
  readonly #key = randomBytes(32);

  /** @param seconds - how long it is good. */
  sign(seconds: number, claims: Pick<TokenClaims, 'sub' | 'access' | 'use'>): string {
    const iat = Math.floor(Date.now() / 1000);
    const all: TokenClaims = { ...claims, iat, exp: iat + seconds, jti: randomUUID() };
    const text = `${HEADER}.${Buffer.from(JSON.stringify(all)).toString('base64url')}`;
    return `${text}.${this.#seal(text).toString('base64url')}`;
  }

  /** What a token says; `undefined` where it is not ours or has expired. */
  read(token: string): TokenClaims | undefined {
    const [header, payload = '', seal = '', ...more] = token.split('.');
    if (header !== HEADER || more.length > 0) return undefined;
    const [expected, found] = [this.#seal(`${header}.${payload}`), Buffer.from(seal, 'base64url')];
    if (expected.length !== found.length || !timingSafeEqual(expected, found)) return undefined;
    // Sealed by this process, so it is what `sign` wrote.
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as TokenClaims;
    return claims.exp > Date.now() / 1000 ? claims : undefined;
  }

  #seal(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}
