import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CredentialSource, FoundCredential } from './credential.ts';
import { findAuthKey, storeKeys } from './auth-keys.ts';
import { type ConfigFile, credentialOf, parseConfig, readConfigFile, readCredentialsFile } from './config-file.ts';
import { sudoNote } from './sudo.ts';
import type { ProxySettings } from '../remote/proxy.ts';
import { callCredentialHelper } from './helper.ts';

/** An environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where to look for credentials. */
export interface DockerCredentialOptions {
  /** Only this file is read: a config.json, an auth.json, or Kubernetes pull secrets. Default: docker's and podman's usual files, in turn. */
  configFile?: string;
  /** Default `process.env`. */
  env?: Environment;
  /** Reads each file only once, for a source that is used for many repositories and not for long. Default false. */
  readOnce?: boolean;
}

/** The files that are looked through, first to last: docker's, then podman's (containers-auth.json(5)), then docker's old one. */
export function credentialFiles(options: DockerCredentialOptions = {}): string[] {
  if (options.configFile !== undefined) return [options.configFile];
  const env = options.env ?? process.env;
  const home = env['HOME'] || homedir();
  const runtime = env['XDG_RUNTIME_DIR'] || `/run/containers/${process.getuid?.() ?? 0}`;
  return [
    dockerConfigFile(env),
    ...(env['REGISTRY_AUTH_FILE'] ? [env['REGISTRY_AUTH_FILE']] : []),
    env['XDG_RUNTIME_DIR'] ? join(runtime, 'containers', 'auth.json') : join(runtime, 'auth.json'),
    join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'containers', 'auth.json'),
    join(home, '.dockercfg'),
  ];
}

/** The file that `login` writes. */
export function dockerConfigFile(env: Environment = process.env): string {
  return join(env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker'), 'config.json');
}

/**
 * Credentials as docker and podman keep them: first `DOCKER_AUTH_CONFIG` (a config file's text, as CI services set it), then in each file
 * in turn the host's own helper, the common store, and the entries of `auths`. A file without this registry does not hide the next one.
 */
export function dockerCredentials(options: DockerCredentialOptions = {}): CredentialSource {
  const env = options.env ?? process.env;
  const files = new Map<string, ReturnType<typeof readCredentialsFile>>();
  const read = (path: string): ReturnType<typeof readCredentialsFile> => {
    if (!options.readOnce) return readCredentialsFile(path);
    const known = files.get(path) ?? readCredentialsFile(path);
    files.set(path, known);
    return known;
  };
  return {
    async find(registry, repository) {
      const inline = options.configFile === undefined ? env['DOCKER_AUTH_CONFIG'] : undefined;
      if (inline) {
        const found = findInAuths(
          parseConfig(inline, 'DOCKER_AUTH_CONFIG'),
          'DOCKER_AUTH_CONFIG',
          registry,
          repository,
        );
        if (found) return found;
      }
      for (const path of credentialFiles(options)) {
        const config = await read(path);
        const found = config && (await findInConfig({ config, path, env }, registry, repository));
        if (found) return found;
      }
      return undefined;
    },
    async explain(found) {
      const note = options.configFile === undefined ? await sudoNote(env) : undefined;
      if (found) return note;
      const looked = `looked in ${credentialFiles(options).join(', ')}`;
      return note === undefined ? looked : `${looked}; ${note}`;
    },
  };
}

async function findInConfig(
  { config, path, env }: { config: ConfigFile; path: string; env: Environment },
  registry: string,
  repository: string | undefined,
): Promise<FoundCredential | undefined> {
  const keys = storeKeys(registry);
  const ask = async (helper: string, key: string): Promise<FoundCredential | undefined> => {
    const credential = await callCredentialHelper(helper, 'get', key, env);
    return credential && { credential, source: `docker-credential-${helper} (named in ${path})` };
  };
  for (const key of keys) {
    const helper = config.credHelpers?.[key];
    if (typeof helper === 'string') return ask(helper, key);
  }
  if (typeof config.credsStore === 'string' && config.credsStore) {
    const found = await ask(config.credsStore, keys[0] ?? registry);
    if (found) return found;
  }
  return findInAuths(config, path, registry, repository);
}

function findInAuths(
  config: ConfigFile,
  path: string,
  registry: string,
  repository: string | undefined,
): FoundCredential | undefined {
  const auths = config.auths;
  if (typeof auths !== 'object' || auths === null) return undefined;
  // An entry without anything in it only says that a helper has the rest.
  const filled = Object.entries(auths).filter(
    ([, entry]) => typeof entry === 'object' && entry !== null && Object.keys(entry).length > 0,
  );
  const key = findAuthKey(
    filled.map(([name]) => name),
    registry,
    repository,
  );
  const entry = key === undefined ? undefined : auths[key];
  const credential = entry && credentialOf(entry, path);
  return credential && { credential, source: path };
}

/** Proxies as docker's config.json has them for every daemon (`proxies.default`); a broken file names none here. */
export async function dockerProxies(env: Environment = process.env): Promise<ProxySettings | undefined> {
  const config = await readConfigFile(dockerConfigFile(env)).catch(() => undefined);
  const entry = (config?.['proxies'] as { default?: unknown } | null | undefined)?.default;
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { httpProxy, httpsProxy, noProxy } = entry as Record<keyof ProxySettings, unknown>;
  return {
    ...(typeof httpProxy === 'string' ? { httpProxy } : {}),
    ...(typeof httpsProxy === 'string' ? { httpsProxy } : {}),
    ...(typeof noProxy === 'string' ? { noProxy } : {}),
  };
}
