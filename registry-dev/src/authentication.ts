import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { RegistryProblem } from './registry-problem.ts';

/** User names with their passwords. */
export type Users = Readonly<Record<string, string>>;

/** Checks Basic authentication. @throws {RegistryProblem} `UNAUTHORIZED` with the challenge. */
export function requireBasic(request: IncomingMessage, users: Users): void {
  const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(' ', 2);
  const text = scheme.toLowerCase() === 'basic' ? Buffer.from(value, 'base64').toString('utf8') : '';
  const colon = text.indexOf(':');
  const name = text.slice(0, Math.max(colon, 0));
  // Not only `users[name]`: every object has a "constructor".
  const password = colon >= 0 && Object.hasOwn(users, name) ? users[name] : undefined;
  if (password !== undefined && equal(password, text.slice(colon + 1))) return;
  throw new RegistryProblem('UNAUTHORIZED', 'a user name and password are needed', {
    'www-authenticate': 'Basic realm="registry-dev"',
  });
}

function equal(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}
