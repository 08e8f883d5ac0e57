import type { IncomingHttpHeaders } from 'node:http';
import { type AuthOptions, callerOf, isUser, parseBasic } from './access.ts';
import type { Action, Caller } from './caller.ts';
import { RegistryProblem } from './registry-problem.ts';
import type { TokenSigner } from './tokens.ts';

/** A caller's right that a request needs. */
export interface Need {
  repository: string;
  action: Action;
}

/** Finds out who calls and whether they may. */
export interface Gate {
  /** Missing credentials are an anonymous caller. @throws {RegistryProblem} `UNAUTHORIZED` with a challenge for a wrong password. */
  identify(headers: IncomingHttpHeaders): Caller;
  /** @throws {RegistryProblem} `UNAUTHORIZED` with a challenge, or `DENIED`. */
  require(caller: Caller, needs: readonly Need[], realm: string): void;
  /** What `GET /v2/` answers whoever did not sign in, so that clients learn how to. */
  challenge(realm: string, caller: Caller): RegistryProblem;
}

/** Basic authentication. */
export function basicGate({ users, access }: AuthOptions): Gate {
  const identify = ({ authorization }: IncomingHttpHeaders): Caller => {
    if (authorization === undefined) return callerOf(undefined, access);
    const found = parseBasic(authorization);
    if (!found || !isUser(users, found.name, found.password)) throw basicChallenge();
    return callerOf(found.name, access);
  };
  const require = (caller: Caller, needs: readonly Need[]): void => {
    const missing = needs.find(({ repository, action }) => !caller.may(repository, action));
    if (!missing) return;
    if (caller.user === undefined) throw basicChallenge();
    throw new RegistryProblem('DENIED', `${caller.user} may not ${missing.action} in ${missing.repository}`);
  };
  return { identify, require, challenge: basicChallenge };
}

/** Bearer tokens (docker’s token specification). A token can do what it was granted, whatever its user may do by now. */
export function bearerGate({ access }: AuthOptions, tokens: TokenSigner): Gate {
  const identify = ({ authorization }: IncomingHttpHeaders): Caller => {
    if (authorization === undefined) return { may: () => false, couldPull: () => false };
    const [, token = ''] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
    const claims = tokens.read(token);
    if (!claims || claims.use === 'refresh')
      return { problem: 'invalid_token', may: () => false, couldPull: () => false };
    const may = (repository: string, action: Action): boolean =>
      (claims.access ?? []).some(({ name, actions }) => name === repository && actions.includes(action));
    const user = callerOf(claims.sub === '' ? undefined : claims.sub, access);
    return { user: claims.sub, may, couldPull: (repository) => user.couldPull(repository) };
  };
  return { identify, require: requireScope, challenge: (realm, { problem }) => bearerChallenge(realm, problem) };
}

function basicChallenge(): RegistryProblem {
  return new RegistryProblem('UNAUTHORIZED', 'a user name and password are needed', {
    'www-authenticate': 'Basic realm="registry-dev", charset="UTF-8"',
  });
}

function bearerChallenge(realm: string, error?: string, needs: readonly Need[] = []): RegistryProblem {
  const { host } = new URL(realm);
  const parts = [`realm="${realm}"`, `service="${host}"`];
  // Whoever pushes also asks what is there.
  const scopes = needs.map(
    ({ repository, action }) => `repository:${repository}:${action === 'push' ? 'pull,push' : action}`,
  );
  if (scopes.length > 0) parts.push(`scope="${scopes.join(' ')}"`);
  if (error !== undefined) parts.push(`error="${error}"`);
  return new RegistryProblem('UNAUTHORIZED', error ?? 'a token is needed', {
    'www-authenticate': `Bearer ${parts.join(',')}`,
  });
}

function requireScope(caller: Caller, needs: readonly Need[], realm: string): void {
  if (needs.every(({ repository, action }) => caller.may(repository, action))) return;
  const problem = caller.problem ?? (caller.user === undefined ? undefined : 'insufficient_scope');
  throw bearerChallenge(realm, problem, needs);
}
