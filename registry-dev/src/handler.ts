import type { IncomingMessage, ServerResponse } from 'node:http';
import { blobRoutes } from './blob-routes.ts';
import { BlobStore } from './blob-store.ts';
import type { Methods } from './exchange.ts';
import { referrerRoutes, tagRoutes } from './list-routes.ts';
import { manifestRoutes } from './manifest-routes.ts';
import { ManifestStore } from './manifest-store.ts';
import { isRepository } from './names.ts';
import { RegistryProblem } from './registry-problem.ts';
import { sendJson, sendPage } from './responses.ts';
import { uploadRoutes } from './upload-routes.ts';

const ADDRESS = /^\/v2\/(.+)\/(?:(blobs\/uploads)\/([^/]*)|(blobs|manifests|referrers)\/([^/]+)|(tags)\/list)$/;

/** What the registry does and does not do. */
export interface HandlerOptions {
  root: string;
  /** Refuses every change. */
  readOnly: boolean;
  /** False: behaves like registries without the referrers API. */
  referrersApi: boolean;
}

/** Answers one request of the distribution API. */
export type RegistryHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Makes the handler of a registry on a folder. */
export function createHandler({ root, readOnly, referrersApi }: HandlerOptions): RegistryHandler {
  const blobs = new BlobStore(root);
  const manifests = new ManifestStore(root, blobs);
  const routes: Partial<Record<string, Methods>> = {
    blobs: blobRoutes(blobs),
    'blobs/uploads': uploadRoutes(blobs),
    manifests: manifestRoutes(manifests, referrersApi),
    tags: tagRoutes(manifests),
    ...(referrersApi ? { referrers: referrerRoutes(manifests) } : {}),
  };

  return async (request, response) => {
    const method = request.method ?? 'GET';
    const url = parseUrl(request.url ?? '/');
    const reads = method === 'GET' || method === 'HEAD';
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    if (reads && (url.pathname === '/v2/' || url.pathname === '/v2')) return sendJson(response, 200, {});
    if (reads && url.pathname === '/v2/_catalog')
      return sendPage(response, url, { member: 'repositories', names: await manifests.repositories() });
    const { repository, kind, rest } = parseAddress(url);
    const methods = routes[kind];
    if (!methods) throw new RegistryProblem('NAME_UNKNOWN', 'there is no such address');
    const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (!handler || (readOnly && !reads)) throw new RegistryProblem('UNSUPPORTED', `${method} is not allowed here`);
    await handler({ request, response, url, repository, rest });
  };
}

/** Not `new URL(text, base)`: it would take an address that begins with two slashes for a host. */
function parseUrl(text: string): URL {
  const url = URL.parse(`http://registry.invalid${text}`);
  if (!text.startsWith('/') || !url) throw new RegistryProblem('NAME_INVALID', 'the address is not well formed');
  return url;
}

function parseAddress(url: URL): { repository: string; kind: string; rest: string } {
  const match = ADDRESS.exec(decodeURIComponent(url.pathname));
  if (!match) throw new RegistryProblem('NAME_UNKNOWN', 'there is no such address');
  const repository = match[1] ?? '';
  if (!isRepository(repository)) throw new RegistryProblem('NAME_INVALID', 'not a repository name');
  return { repository, kind: match[2] ?? match[4] ?? match[6] ?? '', rest: match[3] ?? match[5] ?? '' };
}
