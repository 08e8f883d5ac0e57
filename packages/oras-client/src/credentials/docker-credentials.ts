import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CredentialSource, FoundCredential } from './credential.ts';
import { type ConfigFile, credentialOf, parseConfig, readConfigFile } from './config-file.ts';
import type { ProxySettings } from '../remote/proxy.ts';
import { callCredentialHelper } from './helper.ts';

/** An environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where to look for credentials. */
export interface DockerCredentialOptions {
  /** Only this file is read. Default: docker's and podman's usual files, in turn. */
  configFile?: string;
  /** Default `process.env`. */
  env?: Environment;
  /** Reads each file only once, for a source that is used for many repositories and not for long. Default false. */
  readOnce?: boolean;
}

/** Docker Hub's key in credential stores. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';

/** The files that are looked through, first to last: docker's, then podman's (containers-auth.json(5)). */
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
  const files = new Map<string, ReturnType<typeof readConfigFile>>();
  const read = (path: string): ReturnType<typeof readConfigFile> => {
    if (!options.readOnce) return readConfigFile(path);
    const known = files.get(path) ?? readConfigFile(path);
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

/** An entry for a part of the registry, the most special first, then one for the whole registry. */
function findInAuths(
  config: ConfigFile,
  path: string,
  registry: string,
  repository: string | undefined,
): FoundCredential | undefined {
  for (const key of [...namespaceKeys(registry, repository), ...storeKeys(registry)]) {
    const entry = config.auths?.[key];
    const credential = typeof entry === 'object' && entry !== null ? credentialOf(entry, path) : undefined;
    if (credential) return { credential, source: path };
  }
  return undefined;
}

/** `host/org/repo`, `host/org`: podman's keys for parts of a registry. */
function namespaceKeys(registry: string, repository: string | undefined): string[] {
  const parts = repository?.split('/') ?? [];
  return parts.map((_, i) => `${registry}/${parts.slice(0, parts.length - i).join('/')}`);
}

/** The keys under which a registry's credential may stand, the preferred one first. */
export function storeKeys(registry: string): string[] {
  if (/^(?:registry-1\.|index\.)?docker\.io$/.test(registry)) {
    return [DOCKER_HUB_KEY, 'docker.io', 'index.docker.io', 'registry-1.docker.io'];
  }
  return [
    registry,
    `https://${registry}`,
    `https://${registry}/`,
    `http://${registry}`,
    `https://${registry}/v1/`,
    `https://${registry}/v2/`,
  ];
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
