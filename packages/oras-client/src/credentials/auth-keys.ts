/** Docker Hub's key in credential stores. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';

/** The keys under which a registry's credential may stand, the preferred one first. */
export function storeKeys(registry: string): string[] {
  if (isDockerHub(registry)) return [DOCKER_HUB_KEY, 'docker.io', 'index.docker.io', 'registry-1.docker.io'];
  return [
    registry,
    `https://${registry}`,
    `https://${registry}/`,
    `http://${registry}`,
    `https://${registry}/v1/`,
    `https://${registry}/v2/`,
  ];
}

/**
 * The key of `auths` that is for a repository: the narrowest part of the registry first (podman: `host/org/repo`, `host/org`, `host`),
 * then old forms with scheme and version, then patterns as Kubernetes has them (`*.example.com`).
 */
export function findAuthKey(
  keys: readonly string[],
  registry: string,
  repository: string | undefined,
): string | undefined {
  const known = new Set(keys);
  const exact = [...namespaceKeys(registry, repository), ...storeKeys(registry)].find((key) => known.has(key));
  if (exact !== undefined) return exact;
  const host = registry.toLowerCase();
  const old = keys.find((key) => hostOfKey(key) === host);
  return old ?? keys.find((key) => key.includes('*') && matchesPattern(key, host, repository));
}

function isDockerHub(registry: string): boolean {
  return /^(?:registry-1\.|index\.)?docker\.io$/.test(registry);
}

function namespaceKeys(registry: string, repository: string | undefined): string[] {
  const parts = repository?.split('/') ?? [];
  const names = isDockerHub(registry) ? ['docker.io', registry] : [registry];
  return names.flatMap((name) => parts.map((_, i) => `${name}/${parts.slice(0, parts.length - i).join('/')}`));
}

/** The host of a key that names a whole registry in some way; `undefined` for a part of one. */
function hostOfKey(key: string): string | undefined {
  const [, host = '', path = ''] = /^(?:https?:\/\/)?([^/]*)(.*)$/.exec(key.toLowerCase()) ?? [];
  return /^\/?(?:v[12]\/?)?$/.test(path) ? host : undefined;
}

/** Kubernetes, "Pull an image from a private registry": a star stands for a part of one label; a path is a prefix. */
function matchesPattern(key: string, host: string, repository = ''): boolean {
  const [, pattern = '', path = ''] = /^(?:https?:\/\/)?([^/]*)\/?(.*)$/.exec(key.toLowerCase()) ?? [];
  const labels = pattern.split('.');
  const own = host.split('.');
  if (labels.length !== own.length || !labels.every((label, i) => matchesLabel(label, own[i] ?? ''))) return false;
  return path === '' || repository === path || repository.startsWith(`${path}/`);
}

function matchesLabel(pattern: string, label: string): boolean {
  const parts = pattern.split('*');
  if (parts.length === 1) return pattern === label;
  // With one star it is a beginning and an end; more stars in one label nobody writes.
  const [start = '', end = ''] = parts;
  return (
    parts.length === 2 && label.length >= start.length + end.length && label.startsWith(start) && label.endsWith(end)
  );
}
