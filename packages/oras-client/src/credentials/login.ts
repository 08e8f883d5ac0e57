import { OciError } from '../errors.ts';
import type { RemoteOptions } from '../remote/options.ts';
import { pingRegistry } from '../remote/registry.ts';
import { type AuthEntry, changeConfigFile, type ConfigFile, readConfigFile } from './config-file.ts';
import { isKubernetesObject } from './kubernetes-secret.ts';
import { sudoNote } from './sudo.ts';
import { type Credential, staticCredential } from './credential.ts';
import { storeKeys } from './auth-keys.ts';
import { dockerConfigFile, dockerCredentials, type Environment } from './docker-credentials.ts';
import { callCredentialHelper } from './helper.ts';

/** Options of {@link login} and {@link logout}. */
export interface LoginOptions {
  /** The file to change. Default: docker's config.json. */
  configFile?: string;
  /** Default `process.env`. */
  env?: Environment;
  remote?: RemoteOptions;
}

/** What came of a login. */
export interface LoginResult {
  /** The file, or the helper. */
  storedIn: string;
  /** The file keeps it readable for whoever may read the file; a helper does not. */
  plainText: boolean;
  /** e.g. that under sudo it is root's file. */
  note?: string;
}

/**
 * Checks a credential against the registry and stores it: in the file's credential helper where it names one, else in `auths`.
 *
 * @throws {OciError} `ERR_OCI_UNAUTHORIZED` where the registry refuses it; then nothing is stored. `ERR_OCI_CREDENTIALS`.
 */
export async function login(
  registry: string,
  credential: Credential,
  options: LoginOptions = {},
): Promise<LoginResult> {
  const { username, password, refreshToken, accessToken } = credential;
  if (!username && !refreshToken && !accessToken) {
    throw new OciError('ERR_OCI_CREDENTIALS', `no user name and no token was given for ${registry}`, {
      hint: `bpfship login ${registry} --username NAME --password-stdin`,
    });
  }
  await pingRegistry(registry, { ...options.remote, credentials: staticCredential(credential) });
  const env = options.env ?? process.env;
  const path = options.configFile ?? dockerConfigFile(env);
  const config = (await readWritable(path)) ?? {};
  const keys = storeKeys(registry);
  const [key = registry] = keys;
  const helper = helperOf(config, keys);
  const note = options.configFile === undefined ? await sudoNote(env) : undefined;
  const more = note === undefined ? {} : { note };
  if (helper && !accessToken) {
    const secret = refreshToken
      ? { ServerURL: key, Username: '<token>', Secret: refreshToken }
      : { ServerURL: key, Username: username, Secret: password ?? '' };
    await callCredentialHelper(helper, 'store', JSON.stringify(secret), env);
    return { storedIn: `docker-credential-${helper}`, plainText: false, ...more };
  }
  await changeConfigFile(path, (now) => ({ ...now, auths: { ...now.auths, [key]: entryOf(credential) } }));
  return { storedIn: path, plainText: true, ...more };
}

/** What came of a logout. */
export interface LogoutResult {
  /** Empty where there was nothing. */
  removedFrom: string[];
  /** Where there is still a credential, in a file that is not changed here, e.g. podman's. */
  stillIn?: string;
}

/** Removes a registry's credential. @throws {OciError} `ERR_OCI_CREDENTIALS`. */
export async function logout(registry: string, options: LoginOptions = {}): Promise<LogoutResult> {
  const removedFrom = await removeFrom(registry, options);
  const { configFile, env } = options;
  const source = dockerCredentials({ ...(configFile === undefined ? {} : { configFile }), ...(env ? { env } : {}) });
  const left = await source.find(registry).catch(() => undefined);
  return { removedFrom, ...(left === undefined ? {} : { stillIn: left.source }) };
}

async function removeFrom(registry: string, options: LoginOptions): Promise<string[]> {
  const env = options.env ?? process.env;
  const path = options.configFile ?? dockerConfigFile(env);
  const config = await readWritable(path);
  if (!config) return [];
  const keys = storeKeys(registry);
  const [key = registry] = keys;
  const removedFrom: string[] = [];
  const helper = helperOf(config, keys);
  if (helper && (await callCredentialHelper(helper, 'get', key, env))) {
    await callCredentialHelper(helper, 'erase', key, env);
    removedFrom.push(`docker-credential-${helper}`);
  }
  if (keys.some((name) => config.auths?.[name] !== undefined)) {
    await changeConfigFile(path, (now) => ({
      ...now,
      auths: Object.fromEntries(Object.entries(now.auths ?? {}).filter(([name]) => !keys.includes(name))),
    }));
    removedFrom.push(path);
  }
  return removedFrom;
}

function helperOf(config: ConfigFile, keys: readonly string[]): string | undefined {
  const own = keys.map((key) => config.credHelpers?.[key]).find((name) => typeof name === 'string' && name !== '');
  return own ?? (config.credsStore || undefined);
}

/** A file that is changed here: a Secret belongs to its cluster. */
async function readWritable(path: string): Promise<ConfigFile | undefined> {
  const config = await readConfigFile(path);
  if (!config || !isKubernetesObject(config)) return config;
  throw new OciError('ERR_OCI_CREDENTIALS', `${path} is a Kubernetes object, which log-ins do not change`, {
    hint: 'Name a config.json with --registry-config, and make the Secret of it with kubectl.',
  });
}

function entryOf({ username, password, refreshToken, accessToken }: Credential): AuthEntry {
  return {
    ...(username ? { auth: Buffer.from(`${username}:${password ?? ''}`).toString('base64') } : {}),
    ...(refreshToken ? { identitytoken: refreshToken } : {}),
    ...(accessToken ? { registrytoken: accessToken } : {}),
  };
}
