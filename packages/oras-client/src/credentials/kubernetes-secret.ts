import { OciError } from '../errors.ts';
import { type AuthEntry, type ConfigFile, parseConfig } from './config-file.ts';

/** Secrets of one file that are read. */
const MAX_SECRETS = 100;

/**
 * The credentials of a file of Kubernetes objects, in JSON or YAML.
 *
 * @returns `undefined` where it is something else.
 * @throws {OciError} `ERR_OCI_CREDENTIALS`, without the text.
 */
export async function secretsIn(text: string, path: string): Promise<ConfigFile | undefined> {
  if (text.trimStart().startsWith('{')) {
    const value = parseConfig(text, path);
    return isKubernetesObject(value) ? configOfSecrets([value], path) : undefined;
  }
  if (!/^\s*["']?kind["']?\s*:\s*["']?(?:Secret|List|SecretList)\b/m.test(text)) return undefined;
  return configOfSecrets(await parseObjects(text, path), path);
}

/** Whether a parsed file is a Kubernetes object and not a config file. */
export function isKubernetesObject(value: Record<string, unknown>): boolean {
  return typeof value['kind'] === 'string' && typeof value['apiVersion'] === 'string';
}

async function parseObjects(text: string, path: string): Promise<unknown[]> {
  const { parseAllDocuments } = await import('yaml');
  try {
    const documents = [parseAllDocuments(text, { logLevel: 'silent' })].flat();
    if (documents.every((document) => document.errors.length === 0)) {
      return documents.map((document) => document.toJS({ maxAliasCount: 100 }) as unknown);
    }
  } catch {
    // No cause: it would quote the text, which holds secrets.
  }
  throw invalid(path, 'is neither JSON nor YAML');
}

/**
 * The credentials of Kubernetes pull secrets (`kubernetes.io/dockerconfigjson` and `kubernetes.io/dockercfg`), as `kubectl get secret -o yaml`
 * gives them: one, several documents, or a list. Where two know one registry, the first counts.
 *
 * @throws {OciError} `ERR_OCI_CREDENTIALS` where there is no pull secret among them.
 */
function configOfSecrets(objects: readonly unknown[], path: string): ConfigFile {
  const auths: Record<string, AuthEntry> = {};
  let secrets = 0;
  for (const object of objects.flatMap(itemsOf).slice(0, MAX_SECRETS)) {
    const found = authsOf(object, path);
    if (!found) continue;
    secrets += 1;
    for (const [key, entry] of Object.entries(found)) auths[key] ??= entry;
  }
  if (secrets === 0) throw invalid(path, 'holds no pull secret (kubernetes.io/dockerconfigjson)');
  return { auths };
}

function itemsOf(object: unknown): unknown[] {
  const { items } = (object ?? {}) as { items?: unknown };
  return Array.isArray(items) ? items : [object];
}

function authsOf(object: unknown, path: string): Record<string, AuthEntry> | undefined {
  const secret = (object ?? {}) as { kind?: unknown; data?: unknown; stringData?: unknown };
  if (secret.kind !== 'Secret') return undefined;
  const json = valueOf(secret, '.dockerconfigjson');
  if (json !== undefined) return parseConfig(json, path).auths ?? {};
  const legacy = valueOf(secret, '.dockercfg');
  return legacy === undefined ? undefined : (parseConfig(legacy, path) as Record<string, AuthEntry>);
}

function valueOf({ data, stringData }: { data?: unknown; stringData?: unknown }, name: string): string | undefined {
  const plain = (stringData as Record<string, unknown> | null | undefined)?.[name];
  if (typeof plain === 'string') return plain;
  const encoded = (data as Record<string, unknown> | null | undefined)?.[name];
  return typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8') : undefined;
}

function invalid(path: string, why: string): OciError {
  return new OciError('ERR_OCI_CREDENTIALS', `the credentials file ${path} ${why}`, {
    hint: 'Give a docker config.json, a podman auth.json, or a Kubernetes Secret of the type kubernetes.io/dockerconfigjson.',
  });
}
