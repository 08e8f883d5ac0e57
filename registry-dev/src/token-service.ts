import type { IncomingMessage } from 'node:http';
import { type AuthOptions, callerOf, isUser, parseBasic } from './access.ts';
import { bodyOf, readBody } from './body.ts';
import type { Action, Caller } from './caller.ts';
import { isRepository } from './names.ts';
import { RegistryProblem } from './registry-problem.ts';
import { jsonReply, type Reply } from './reply.ts';
import type { Grant, TokenSigner } from './tokens.ts';

const ACTIONS: readonly Action[] = ['pull', 'push', 'delete'];
const DEFAULT_SECONDS = 300;
const REFRESH_SECONDS = 30 * 24 * 3_600;
/** A form of the OAuth2 way has at most so many bytes, and a request so many scopes. */
const MAX_FORM = 64 * 1024;
const MAX_SCOPES = 100;

/**
 * The token service: `GET /token` with Basic credentials or none, and `POST /token` by OAuth2 with `grant_type` `password` or
 * `refresh_token` (docker’s token specification). Of what is asked, it grants what the user may do; nothing is no error.
 */
export function createTokenService(
  options: AuthOptions,
  tokens: TokenSigner,
): (request: IncomingMessage, url: URL) => Promise<Reply> {
  const { users, access, tokenSeconds = DEFAULT_SECONDS, onlyFirstScope = false } = options;

  const signIn = (name: string, password: string): string => {
    if (isUser(users, name, password)) return name;
    throw new RegistryProblem('UNAUTHORIZED', 'wrong user name or password', {
      'www-authenticate': 'Basic realm="registry-dev"',
    });
  };

  const byForm = (form: URLSearchParams): string => {
    const type = form.get('grant_type');
    if (type === 'password') return signIn(form.get('username') ?? '', form.get('password') ?? '');
    const claims = type === 'refresh_token' ? tokens.read(form.get('refresh_token') ?? '') : undefined;
    if (claims?.use === 'refresh' && Object.hasOwn(users, claims.sub)) return claims.sub;
    throw new RegistryProblem('UNAUTHORIZED', 'the refresh token is not good');
  };

  const issue = (user: string | undefined, parameters: URLSearchParams): Reply => {
    const scopes = parameters
      .getAll('scope')
      .flatMap((scope) => scope.split(' '))
      .filter(Boolean)
      .slice(0, onlyFirstScope ? 1 : MAX_SCOPES);
    const caller = callerOf(user, access);
    const granted = scopes.map((scope) => grant(caller, scope)).filter((found) => found !== undefined);
    const token = tokens.sign(tokenSeconds, { sub: user ?? '', access: granted });
    const offline = parameters.get('offline_token') === 'true' || parameters.get('access_type') === 'offline';
    return jsonReply(200, {
      token,
      access_token: token,
      expires_in: tokenSeconds,
      issued_at: new Date().toISOString(),
      ...(offline && user !== undefined
        ? { refresh_token: tokens.sign(REFRESH_SECONDS, { sub: user, use: 'refresh' }) }
        : {}),
    });
  };

  return async (request, url) => {
    if (request.method === 'GET') {
      const { authorization } = request.headers;
      const basic = parseBasic(authorization);
      // Bad credentials are no anonymous caller.
      const user = authorization === undefined ? undefined : signIn(basic?.name ?? '', basic?.password ?? '');
      return issue(user, url.searchParams);
    }
    if (request.method !== 'POST') throw new RegistryProblem('UNSUPPORTED', 'tokens are got by GET or POST');
    const form = new URLSearchParams((await readBody(bodyOf(request), MAX_FORM, 'form')).toString('utf8'));
    return issue(byForm(form), form);
  };
}

/** What of one scope, `repository:<name>:<actions>`, is granted. */
function grant(caller: Caller, scope: string): Grant | undefined {
  const [, name = '', asked = ''] = /^repository:([^:]+):([^:]+)$/.exec(scope) ?? [];
  if (!isRepository(name)) return undefined;
  const wanted = asked.split(',');
  const actions = ACTIONS.filter(
    (action) => (wanted.includes(action) || wanted.includes('*')) && caller.may(name, action),
  );
  return actions.length > 0 ? { type: 'repository', name, actions } : undefined;
}
