import { OciError } from '../errors.ts';
import type { RemoteOptions } from '../remote/options.ts';
import { pingRegistry } from '../remote/registry.ts';
import { type AuthEntry, readConfigFile, writeConfigFile } from './config-file.ts';
import { type Credential, staticCredential } from './credential.ts';
import { dockerConfigFile, type Environment, storeKeys } from './docker-credentials.ts';
import { callCredentialHelper } from './helper.ts';

/** Options of {@link login} and {@link logout}. */
export interface LoginOptions {
  /** The file to change. Default: docker's config.json. */
  configFile?: string;
  /** Default `process.env`. */
  env?: Environment;
  remote?: RemoteOptions;
}

/**
 * Checks a credential against the registry and stores it: in the file's credential helper where it names one, else in `auths`.
 *
 * @returns where it was stored.
 * @throws {OciError} `ERR_OCI_UNAUTHORIZED` where the registry refuses it; then nothing is stored.
 */
export async function login(
  registry: string,
  credential: Credential,
  options: LoginOptions = {},
): Promise<{ storedIn: string }> {
  const { username, password, refreshToken, accessToken } = credential;
  if (!username && !refreshToken && !accessToken) {
    throw new OciError('ERR_OCI_CREDENTIALS', `no user name and no token was given for ${registry}`, {
      hint: `bpfship login ${registry} --username NAME --password-stdin`,
    });
  }
  await pingRegistry(registry, { ...options.remote, credentials: staticCredential(credential) });
  const env = options.env ?? process.env;
  const path = options.configFile ?? dockerConfigFile(env);
  const config = (await readConfigFile(path)) ?? {};
  const [key = registry] = storeKeys(registry);
  const helper = config.credHelpers?.[key] ?? config.credsStore;
  if (helper && !accessToken) {
    const secret = refreshToken
      ? { ServerURL: key, Username: '<token>', Secret: refreshToken }
      : { ServerURL: key, Username: username, Secret: password ?? '' };
    await callCredentialHelper(helper, 'store', JSON.stringify(secret), env);
    return { storedIn: `docker-credential-${helper}` };
  }
  await writeConfigFile(path, { ...config, auths: { ...config.auths, [key]: entryOf(credential) } });
  return { storedIn: path };
}

/**
 * Removes a registry's credential.
 *
 * @returns where it was removed from; empty where there was none.
 */
export async function logout(registry: string, options: LoginOptions = {}): Promise<{ removedFrom: string[] }> {
  const env = options.env ?? process.env;
  const path = options.configFile ?? dockerConfigFile(env);
  const config = await readConfigFile(path);
  if (!config) return { removedFrom: [] };
  const keys = storeKeys(registry);
  const [key = registry] = keys;
  const removedFrom: string[] = [];
  const helper = config.credHelpers?.[key] ?? config.credsStore;
  if (helper && (await callCredentialHelper(helper, 'get', key, env))) {
    await callCredentialHelper(helper, 'erase', key, env);
    removedFrom.push(`docker-credential-${helper}`);
  }
  if (keys.some((name) => config.auths?.[name] !== undefined)) {
    const auths = Object.fromEntries(Object.entries(config.auths ?? {}).filter(([name]) => !keys.includes(name)));
    await writeConfigFile(path, { ...config, auths });
    removedFrom.push(path);
  }
  return { removedFrom };
}

function entryOf({ username, password, refreshToken, accessToken }: Credential): AuthEntry {
  return {
    ...(username ? { auth: Buffer.from(`${username}:${password ?? ''}`).toString('base64') } : {}),
    ...(refreshToken ? { identitytoken: refreshToken } : {}),
    ...(accessToken ? { registrytoken: accessToken } : {}),
  };
}
