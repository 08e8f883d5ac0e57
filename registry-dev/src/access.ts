import { timingSafeEqual } from 'node:crypto';
import type { Action, Caller } from './caller.ts';

/** User names with their passwords. */
export type Users = Readonly<Record<string, string>>;

/** What somebody may do in some repositories. */
export interface AccessRule {
  /** A user's name, or `*` for everybody who signed in. Absent: everybody, also anonymous. */
  user?: string;
  /** A repository's name, the beginning of names with `/*`, or `*` for all. */
  repository: string;
  actions: readonly Action[];
}

/** Who may do what. */
export interface AuthOptions {
  users: Users;
  /** `basic`: user name and password with every request. `bearer`: tokens of the registry's own service at `/token`. Default `basic`. */
  scheme?: 'basic' | 'bearer';
  /** Default: whoever signed in may do everything, others nothing. */
  access?: readonly AccessRule[];
  /** Seconds for which a token is good; 0 gives tokens that have expired. Default 300. */
  tokenSeconds?: number;
  /** Of several scopes only the first is granted, as by some token services. Default false. */
  onlyFirstScope?: boolean;
}

const ALL: readonly Action[] = ['pull', 'push', 'delete'];
const DEFAULT_ACCESS: readonly AccessRule[] = [{ user: '*', repository: '*', actions: ALL }];

/** The rights of a user, or of whoever did not sign in. */
export function callerOf(user: string | undefined, rules: readonly AccessRule[] = DEFAULT_ACCESS): Caller {
  const own = rules.filter(
    (rule) => rule.user === undefined || (user !== undefined && ['*', user].includes(rule.user)),
  );
  const may = (repository: string, action: Action): boolean =>
    own.some((rule) => rule.actions.includes(action) && covers(rule.repository, repository));
  const couldPull = (repository: string): boolean => may(repository, 'pull');
  return user === undefined ? { may, couldPull } : { user, may, couldPull };
}

function covers(pattern: string, repository: string): boolean {
  if (pattern === '*') return true;
  return pattern.endsWith('/*') ? repository.startsWith(pattern.slice(0, -1)) : pattern === repository;
}

/** Whether these are a user's name and password. */
export function isUser(users: Users, name: string, password: string): boolean {
  // Not only `users[name]`: every object has a "constructor".
  const expected = Object.hasOwn(users, name) ? users[name] : undefined;
  if (expected === undefined) return false;
  const [a, b] = [Buffer.from(expected), Buffer.from(password)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The user name and password of a Basic `Authorization` header (RFC 7617); `undefined` where it is not one. */
export function parseBasic(header: string | undefined): { name: string; password: string } | undefined {
  const match = /^basic +(\S+)$/i.exec(header ?? '');
  const text = match ? Buffer.from(match[1] ?? '', 'base64').toString('utf8') : '';
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
