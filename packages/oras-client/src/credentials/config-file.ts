import { readFile, realpath, stat } from 'node:fs/promises';
import { makeFolder } from '../content/make-folder.ts';
import { basename, dirname } from 'node:path';
import { writeAtomically } from '../content/atomic-file.ts';
import { chunksOf } from '../content/content.ts';
import { withFileLock } from '../content/file-lock.ts';
import { OciError, storageError } from '../errors.ts';
import type { Credential } from './credential.ts';

/** A config.json or auth.json is read up to this size. */
const MAX_CONFIG_SIZE = 1024 * 1024;

/** The parts of docker's config.json and podman's auth.json that concern credentials. Other members are kept untouched. */
export interface ConfigFile {
  auths?: Record<string, AuthEntry>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
  [member: string]: unknown;
}

/** One entry of `auths`. */
export interface AuthEntry {
  auth?: string;
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
}

/** Reads a config file; `undefined` where there is none. @throws {OciError} `ERR_OCI_CREDENTIALS` for a file that is not JSON. */
export async function readConfigFile(path: string): Promise<ConfigFile | undefined> {
  const text = await readText(path);
  return text === undefined ? undefined : parseConfig(text, path);
}

/**
 * Reads the credentials of a file, whatever form it has: config.json, auth.json, the old `.dockercfg` (entries only), or Kubernetes pull
 * secrets.
 *
 * @returns `undefined` where there is no file.
 * @throws {OciError} `ERR_OCI_CREDENTIALS`.
 */
export async function readCredentialsFile(path: string): Promise<ConfigFile | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  if (/\bSecret/.test(text)) {
    const { secretsIn } = await import('./kubernetes-secret.ts');
    const found = await secretsIn(text, path);
    if (found) return found;
  }
  const config = parseConfig(text, path);
  return basename(path) === '.dockercfg' ? { auths: config as Record<string, AuthEntry> } : config;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    if ((await stat(path)).size > MAX_CONFIG_SIZE) throw invalid(path, `is larger than ${MAX_CONFIG_SIZE} bytes`);
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (error instanceof OciError) throw error;
    throw invalid(path, `cannot be read (${code ?? String(error)})`, error);
  }
}

/** Parses the text of a config file. @param where - its path, for messages. @throws {OciError} `ERR_OCI_CREDENTIALS`. */
export function parseConfig(text: string, where: string): ConfigFile {
  let value: unknown;
  try {
    value = JSON.parse(text.trim() || '{}');
  } catch {
    // No cause: it would quote the text, which holds secrets.
    throw invalid(where, 'is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(where, 'is not a JSON object');
  return value as ConfigFile;
}

/**
 * Changes a config file in one step, readable by its owner only. A link to the file stays a link, and of several that change it at the same
 * time nobody's change is lost.
 */
export async function changeConfigFile(path: string, change: (config: ConfigFile) => ConfigFile): Promise<void> {
  const target = await realpath(path).catch(() => path);
  try {
    await makeFolder(dirname(target), { mode: 0o700 });
  } catch (error) {
    throw storageError(error, `writing ${path}`);
  }
  await withFileLock(`${target}.lock`, async () => {
    const config = change((await readConfigFile(target)) ?? {});
    const text = new TextEncoder().encode(`${JSON.stringify(config, null, '\t')}\n`);
    await writeAtomically(target, () => chunksOf(text), 0o600);
  });
}

/** Turns an entry of `auths` into a credential. Tolerates missing padding and trailing NULs, as docker does. */
export function credentialOf(entry: AuthEntry, path: string): Credential | undefined {
  const credential: Credential = {};
  if (typeof entry.identitytoken === 'string' && entry.identitytoken) credential.refreshToken = entry.identitytoken;
  if (typeof entry.registrytoken === 'string' && entry.registrytoken) credential.accessToken = entry.registrytoken;
  if (typeof entry.auth === 'string' && entry.auth) {
    const text = Buffer.from(entry.auth, 'base64').toString('utf8').replace(/\0+$/, '');
    const colon = text.indexOf(':');
    if (colon < 0) throw invalid(path, 'has an "auth" that is not base64 of user:password');
    credential.username = text.slice(0, colon);
    credential.password = text.slice(colon + 1);
  } else if (typeof entry.username === 'string' && entry.username) {
    credential.username = entry.username;
    credential.password = typeof entry.password === 'string' ? entry.password : '';
  }
  return Object.keys(credential).length > 0 ? credential : undefined;
}

function invalid(path: string, why: string, cause?: unknown): OciError {
  return new OciError('ERR_OCI_CREDENTIALS', `the credentials file ${path} ${why}`, {
    cause,
    hint: 'Mend or remove the file, or name another one with --registry-config.',
  });
}
