import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { OciError } from '../errors.ts';
import { printable } from '../printable.ts';

/** A file of settings is read up to this size. */
const MAX_SIZE = 1024 * 1024;
/** Mirrors of one registry that are tried. */
const MAX_MIRRORS = 16;

/** A table `[[registry]]`, or the same as a value; not one in a comment, as distributions have it. */
const REGISTRY_TABLE = /^[ \t]*(?:\[\[?[ \t]*)?["']?registry["']?[ \t]*[\].=]/m;

/** What is read from a mirror: by tag a mirror may be behind the registry, by digest it cannot. */
export type MirrorUse = 'all' | 'digest-only' | 'tag-only';

/** One place of a repository. */
export interface RegistryPlace {
  registry: string;
  repository: string;
  /** TLS is not verified, and plain HTTP is taken where the place speaks nothing else. */
  insecure: boolean;
}

/** Where a repository is read and written. */
export interface RegistryRoute {
  /** The repository itself. */
  place: RegistryPlace;
  /** Tried one after the other before the repository itself; never written to. */
  mirrors: (RegistryPlace & { use: MirrorUse })[];
  /** The settings forbid this repository. */
  blocked: boolean;
  /** The file that says so. */
  source: string;
}

/** Settings of registries, e.g. of a machine. */
export interface RegistrySettings {
  /** @returns `undefined` where nothing is set for the repository. @throws {OciError} `ERR_OCI_CONFIG`. */
  find(registry: string, repository: string): Promise<RegistryRoute | undefined>;
}

interface Rule {
  prefix: string;
  /** Empty where the prefix is a wildcard and the reference stays as it is. */
  location: string;
  insecure: boolean;
  blocked: boolean;
  mirrors: { location: string; insecure: boolean; use: MirrorUse }[];
  source: string;
}

/**
 * Reads mirrors, rewritten locations, insecure and blocked registries as podman and its kin do: containers-registries.conf(5), with
 * `[[registry]]` of `registries.conf` and of the files in `registries.conf.d`. Search registries and aliases are for short names, which do
 * not exist here.
 *
 * @param options.files - default: those of the user, else those of the system, as in the manual.
 */
export function registriesConf(
  options: { files?: readonly string[]; env?: Readonly<Record<string, string | undefined>> } = {},
): RegistrySettings {
  let rules: Promise<Rule[]> | undefined;
  return {
    async find(registry, repository) {
      rules ??= readRules(options);
      return routeOf(await rules, registry, repository);
    },
  };
}

async function readRules({
  files,
  env = process.env,
}: {
  files?: readonly string[];
  env?: Readonly<Record<string, string | undefined>>;
}): Promise<Rule[]> {
  const byPrefix = new Map<string, Rule>();
  for (const path of files ?? (await usualFiles(env))) {
    // A later file replaces what an earlier one says of the same prefix.
    for (const rule of await readFileRules(path)) byPrefix.set(rule.prefix, rule);
  }
  return [...byPrefix.values()];
}

/** The user's file hides the system's; the folders beside both count. */
async function usualFiles(env: Readonly<Record<string, string | undefined>>): Promise<string[]> {
  const user = join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'containers');
  const folders = ['/etc/containers/registries.conf.d', join(user, 'registries.conf.d')];
  const named = env['CONTAINERS_REGISTRIES_CONF'] || env['REGISTRIES_CONFIG_PATH'];
  const dropIns = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(folder).catch(() => []);
      return names
        .filter((name) => name.endsWith('.conf'))
        .sort()
        .map((name) => join(folder, name));
    }),
  );
  if (named) return [named, ...dropIns.flat()];
  const own = join(user, 'registries.conf');
  const main = (await readText(own)) === undefined ? '/etc/containers/registries.conf' : own;
  return [main, ...dropIns.flat()];
}

async function readText(path: string): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8');
    if (text.length <= MAX_SIZE) return text;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw invalid(path, `cannot be read (${code ?? 'unknown'})`);
  }
  throw invalid(path, `is larger than ${MAX_SIZE} bytes`);
}

async function readFileRules(path: string): Promise<Rule[]> {
  const text = await readText(path);
  // Most files hold names for searching only; then nobody has to read TOML.
  if (text === undefined || !REGISTRY_TABLE.test(text)) return [];
  const { parse } = await import('smol-toml');
  let tables: unknown;
  try {
    ({ registry: tables } = parse(text));
  } catch (error) {
    throw invalid(path, `is not TOML: ${printable(error instanceof Error ? error.message : String(error))}`);
  }
  if (tables === undefined) return [];
  if (!Array.isArray(tables)) throw invalid(path, 'has "registry" that is not a list of tables, [[registry]]');
  return tables.map((table) => ruleOf(table as Record<string, unknown>, path));
}

function ruleOf(table: Record<string, unknown>, path: string): Rule {
  const location = textOf(table, 'location', path);
  const prefix = textOf(table, 'prefix', path) || location;
  if (prefix === '') throw invalid(path, 'has a [[registry]] without prefix and location');
  if (location === '' && !prefix.startsWith('*.')) throw invalid(path, `has no location for the prefix "${prefix}"`);
  const mirrors = table['mirror'] ?? [];
  if (!Array.isArray(mirrors))
    throw invalid(path, `has mirrors of "${prefix}" that are not tables, [[registry.mirror]]`);
  const byDigest = flagOf(table, 'mirror-by-digest-only', path);
  return {
    prefix,
    location,
    insecure: flagOf(table, 'insecure', path),
    blocked: flagOf(table, 'blocked', path),
    mirrors: mirrors.slice(0, MAX_MIRRORS).map((mirror: Record<string, unknown>) => {
      const place = textOf(mirror, 'location', path);
      if (place === '') throw invalid(path, `has a mirror of "${prefix}" without location`);
      const use = textOf(mirror, 'pull-from-mirror', path) || (byDigest ? 'digest-only' : 'all');
      if (use !== 'all' && use !== 'digest-only' && use !== 'tag-only') {
        throw invalid(path, `has pull-from-mirror "${printable(use)}"; it is all, digest-only or tag-only`);
      }
      return { location: place, insecure: flagOf(mirror, 'insecure', path), use };
    }),
    source: path,
  };
}

function textOf(table: Record<string, unknown>, name: string, path: string): string {
  const value = table[name] ?? '';
  if (typeof value !== 'string' || /[\s@]|:\/\//.test(value)) throw invalid(path, `has a "${name}" that is not a name`);
  return value.replace(/\/+$/, '');
}

function flagOf(table: Record<string, unknown>, name: string, path: string): boolean {
  const value = table[name] ?? false;
  if (typeof value !== 'boolean') throw invalid(path, `has "${name}" that is neither true nor false`);
  return value;
}

/** The rule with the longest prefix counts. */
function routeOf(rules: readonly Rule[], registry: string, repository: string): RegistryRoute | undefined {
  const name = `${registry}/${repository}`;
  let found: { rule: Rule; rest: string } | undefined;
  for (const rule of rules) {
    const rest = restAfter(rule.prefix, name);
    if (rest !== undefined && (!found || rule.prefix.length > found.rule.prefix.length)) found = { rule, rest };
  }
  if (!found) return undefined;
  const { rule, rest } = found;
  const own = rule.location === '' ? name : `${rule.location}${rest}`;
  return {
    place: placeOf(own, rule.insecure, rule.source),
    mirrors: rule.mirrors.map(({ location, insecure, use }) => ({
      ...placeOf(`${location}${rest}`, insecure, rule.source),
      use,
    })),
    blocked: rule.blocked,
    source: rule.source,
  };
}

/** What comes after the prefix; `undefined` where it is another one. `*.example.com` is every host below `example.com`. */
function restAfter(prefix: string, name: string): string | undefined {
  let end = prefix.length;
  if (prefix.startsWith('*.')) {
    const at = name.indexOf(prefix.slice(1));
    if (at <= 0 || name.slice(0, at).includes('/')) return undefined;
    end = at + prefix.length - 1;
  } else if (!name.startsWith(prefix)) {
    return undefined;
  }
  const rest = name.slice(end);
  return rest === '' || rest.startsWith('/') ? rest : undefined;
}

function placeOf(name: string, insecure: boolean, path: string): RegistryPlace {
  const slash = name.indexOf('/');
  if (slash <= 0) throw invalid(path, `leads to "${printable(name)}", which names no repository`);
  return { registry: name.slice(0, slash), repository: name.slice(slash + 1), insecure };
}

function invalid(path: string, why: string): OciError {
  return new OciError('ERR_OCI_CONFIG', `the settings of registries in ${path} cannot be used: the file ${why}`, {
    hint: 'Mend the file; containers-registries.conf(5) says what it may hold.',
  });
}
