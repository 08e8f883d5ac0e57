import { parseDigest } from './digest.ts';
import { OciError } from './errors.ts';

/** A parsed reference: `registry/repository`, then `:tag`, `@digest` or both. The digest wins. */
export interface Reference {
  /** Host and port as written. */
  registry: string;
  repository: string;
  tag?: string;
  digest?: string;
}

/** distribution-spec, "Pull": repository names and tags. */
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const REGISTRY =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?$/;

/**
 * Parses a reference. Strict as oras: the registry is always named. `oci://` in front is accepted.
 *
 * @throws {OciError} `ERR_OCI_INVALID_REFERENCE`, saying which part is wrong.
 */
export function parseReference(text: string): Reference {
  const fail = (why: string, hint?: string): OciError =>
    new OciError(
      'ERR_OCI_INVALID_REFERENCE',
      `"${text.slice(0, 512)}" is not a reference: ${why}`,
      hint === undefined ? {} : { hint },
    );
  if (text.length > 1024) throw fail('it is longer than 1024 characters');
  const plain = text.startsWith('oci://') ? text.slice('oci://'.length) : text;
  if (/^https?:\/\//.test(plain))
    throw fail('it is a URL', `Write it without the scheme: ${plain.replace(/^https?:\/\//, '')}`);
  const slash = plain.indexOf('/');
  if (slash <= 0) throw fail('it names no registry and repository');
  const registry = plain.slice(0, slash);
  if (!REGISTRY.test(registry) || !URL.canParse(`http://${registry}`)) {
    throw fail(`"${registry}" is not a registry’s host name`);
  }
  if (!/[.:]/.test(registry) && registry !== 'localhost') {
    throw fail(
      `"${registry}" is not a registry’s host name`,
      `There is no default registry; for Docker Hub write docker.io/${plain}.`,
    );
  }
  const [path = '', digest, ...more] = plain.slice(slash + 1).split('@');
  if (more.length > 0) throw fail('it has more than one "@"');
  const colon = path.indexOf(':');
  const repository = colon < 0 ? path : path.slice(0, colon);
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  if (!REPOSITORY.test(repository)) {
    throw fail(
      `"${repository}" is not a repository name`,
      /[A-Z]/.test(repository) ? 'Repository names are lower-case.' : undefined,
    );
  }
  if (tag !== undefined && !TAG.test(tag)) throw fail(`"${tag}" is not a tag`);
  if (digest !== undefined) {
    try {
      parseDigest(digest);
    } catch {
      throw fail(`"${digest}" is not a sha256 or sha512 digest`);
    }
  }
  return { registry, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** Checks a tag alone. @throws {OciError} `ERR_OCI_INVALID_REFERENCE`. */
export function checkTag(text: string): void {
  if (TAG.test(text)) return;
  throw new OciError('ERR_OCI_INVALID_REFERENCE', `"${text.slice(0, 160)}" is not a tag`);
}

/** Checks a tag or digest alone. @throws {OciError} `ERR_OCI_INVALID_REFERENCE`. */
export function checkTagOrDigest(text: string): void {
  if (TAG.test(text)) return;
  try {
    parseDigest(text);
  } catch (cause) {
    throw new OciError('ERR_OCI_INVALID_REFERENCE', `"${text.slice(0, 160)}" is neither a tag nor a digest`, { cause });
  }
}

/** The reference as text, with tag and digest where it has them. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** Whether a host and port is on the loopback interface, where plain HTTP is the default. */
export function isLoopback(registry: string): boolean {
  const host = registry.replace(/:\d+$/, '').toLowerCase();
  return host === 'localhost' || host.endsWith('.localhost') || /^127(?:\.\d{1,3}){3}$/.test(host) || host === '[::1]';
}

/** Where the registry's API really is: Docker Hub has another host for it. */
export function apiHost(registry: string): string {
  return registry === 'docker.io' || registry === 'index.docker.io' ? 'registry-1.docker.io' : registry;
}

/** The repository's path in the API: official images of Docker Hub are under `library/`. */
export function apiRepository({ registry, repository }: Reference): string {
  return apiHost(registry) === 'registry-1.docker.io' && !repository.includes('/')
    ? `library/${repository}`
    : repository;
}

/** Splits `folder:tag` or `folder@digest`, as `--oci-layout` takes it. */
export function parseLayoutReference(text: string): { path: string; reference: string | undefined } {
  const at = text.lastIndexOf('@');
  if (at > 0) {
    try {
      parseDigest(text.slice(at + 1));
      return { path: text.slice(0, at), reference: text.slice(at + 1) };
    } catch {
      // A folder may have "@" in its name.
    }
  }
  const colon = text.lastIndexOf(':');
  if (colon > text.lastIndexOf('/') && colon > 0 && TAG.test(text.slice(colon + 1))) {
    return { path: text.slice(0, colon), reference: text.slice(colon + 1) };
  }
  return { path: text, reference: undefined };
}
