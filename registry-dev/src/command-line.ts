import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import type { AccessRule, AuthOptions } from './access.ts';
import type { Behaviour, BehaviourName } from './behaviour.ts';
import type { Action } from './caller.ts';
import type { RegistryOptions } from './create-registry.ts';
import { parseBehaviour, parseFault } from './switches.ts';

/** What a command line asks for. */
export interface CommandLine {
  help: boolean;
  /** Collect garbage in `root` and end. */
  garbage: { untagged: boolean; minAge: number } | undefined;
  /** Without a root: a temporary folder. */
  memory: boolean;
  registry: RegistryOptions;
}

const OPTIONS = {
  port: { type: 'string', default: '0' },
  host: { type: 'string', default: '127.0.0.1' },
  root: { type: 'string' },
  memory: { type: 'boolean', default: false },
  'tls-key': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-client-ca': { type: 'string' },
  user: { type: 'string', multiple: true, default: [] },
  token: { type: 'boolean', default: false },
  allow: { type: 'string', multiple: true, default: [] },
  'read-only': { type: 'boolean', default: false },
  upstream: { type: 'string' },
  'upstream-user': { type: 'string' },
  behaviour: { type: 'string', multiple: true, default: [] },
  'no-referrers': { type: 'boolean', default: false },
  fault: { type: 'string', multiple: true, default: [] },
  seed: { type: 'string', default: '1' },
  gc: { type: 'boolean', default: false },
  'gc-untagged': { type: 'boolean', default: false },
  'gc-min-age': { type: 'string', default: '3600' },
  'allow-remote': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

/** Reads a command line and the files that it names. @throws {TypeError} that says what is wrong with which option. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (!values['allow-remote'] && !isLoopback(values.host))
    throw new TypeError(`${values.host} can be reached from other machines; add --allow-remote if that is meant`);
  if (values.memory && values.root !== undefined) throw new TypeError('--memory and --root exclude each other');
  const collects = values.gc || values['gc-untagged'];
  if (collects && values.root === undefined) throw new TypeError('--gc needs --root');
  const garbage = { untagged: values['gc-untagged'], minAge: 1000 * toNumber('--gc-min-age', values['gc-min-age']) };
  const registry: RegistryOptions = {
    host: values.host,
    port: toPort(values.port),
    readOnly: values['read-only'],
    behaviour: toBehaviour(values.behaviour, values['no-referrers']),
    ...(values.root === undefined ? {} : { root: values.root }),
    ...optional('tls', toTls(values)),
    ...optional('auth', toAuth(values)),
    ...optional('upstream', toUpstream(values.upstream, values['upstream-user'])),
    ...(values.fault.length === 0
      ? {}
      : { faults: { seed: toNumber('--seed', values.seed), rules: values.fault.map(parseFault) } }),
  };
  return { help: values.help, garbage: collects ? garbage : undefined, memory: values.memory, registry };
}

function optional<K extends keyof RegistryOptions>(
  name: K,
  value: RegistryOptions[K] | undefined,
): Partial<RegistryOptions> {
  return value === undefined ? {} : { [name]: value };
}

function toTls(values: { 'tls-key'?: string; 'tls-cert'?: string; 'tls-client-ca'?: string }): RegistryOptions['tls'] {
  const { 'tls-key': key, 'tls-cert': cert, 'tls-client-ca': clientCa } = values;
  if (key === undefined && cert === undefined && clientCa === undefined) return undefined;
  if (key === undefined || cert === undefined) throw new TypeError('TLS needs --tls-key and --tls-cert');
  const client = clientCa === undefined ? {} : { clientCa: readFileSync(clientCa) };
  return { key: readFileSync(key), cert: readFileSync(cert), ...client };
}

function toAuth({ user, token, allow }: { user: string[]; token: boolean; allow: string[] }): AuthOptions | undefined {
  if (user.length === 0 && !token && allow.length === 0) return undefined;
  return {
    users: Object.fromEntries(user.map((text) => splitUser('--user', text))),
    scheme: token ? 'bearer' : 'basic',
    ...(allow.length > 0 ? { access: allow.map(toRule) } : {}),
  };
}

const ACTIONS: readonly string[] = ['pull', 'push', 'delete'];

/** `name=pull,push:repository`; `anyone` stands for everybody, also anonymous. */
function toRule(text: string): AccessRule {
  const [, user = '', actions = '', repository = ''] = /^([^=]+)=([a-z,]+):(.+)$/.exec(text) ?? [];
  const list = actions.split(',');
  if (user === '' || !list.every((action) => ACTIONS.includes(action)))
    throw new TypeError('--allow takes <user>=<pull,push,delete>:<repository>, e.g. anyone=pull:*');
  return { ...(user === 'anyone' ? {} : { user }), repository, actions: list as Action[] };
}

function toUpstream(url: string | undefined, user: string | undefined): RegistryOptions['upstream'] {
  if (url === undefined) return undefined;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new TypeError('--upstream takes an http or https address, e.g. http://127.0.0.1:5000');
  if (user === undefined) return { url };
  const [username, password] = splitUser('--upstream-user', user);
  return { url, username, password };
}

function toBehaviour(texts: readonly string[], noReferrers: boolean): Behaviour | BehaviourName {
  const parts = texts.map(parseBehaviour);
  return Object.assign({}, ...parts, noReferrers ? { referrersApi: false } : {}) as Behaviour;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function toPort(text: string): number {
  const port = toNumber('--port', text);
  if (port > 65_535) throw new TypeError('--port takes a number from 0 to 65535');
  return port;
}

function toNumber(option: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new TypeError(`${option} takes a whole number, not "${text}"`);
  return Number(text);
}

function splitUser(option: string, text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon <= 0) throw new TypeError(`${option} takes name:password`);
  return [text.slice(0, colon), text.slice(colon + 1)];
}
