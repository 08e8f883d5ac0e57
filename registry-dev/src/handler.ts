import type { IncomingMessage } from 'node:http';
import type { Behaviour } from './behaviour.ts';
import { blobRoutes } from './blob-routes.ts';
import type { BlobStore } from './blob-store.ts';
import { type Action, type Caller, EVERYBODY } from './caller.ts';
import type { Exchange, Methods } from './exchange.ts';
import type { Gate, Need } from './gate.ts';
import { referrerRoutes, tagRoutes } from './list-routes.ts';
import { manifestRoutes } from './manifest-routes.ts';
import type { ManifestStore } from './manifest-store.ts';
import { isDigest, isRepository, isTag, requireDigest } from './names.ts';
import { createRateLimit } from './rate-limit.ts';
import { RegistryProblem } from './registry-problem.ts';
import { bytesReply, jsonReply, pageReply, type Reply } from './reply.ts';
import { uploadRoutes } from './upload-routes.ts';
import type { Upstream } from './upstream.ts';

const ADDRESS = /^\/v2\/(.+)\/(?:(blobs\/uploads)\/([^/]*)|(blobs|manifests|referrers)\/([^/]+)|(tags)\/list)$/;

/** What the registry does and does not do. */
export interface HandlerOptions {
  blobs: BlobStore;
  manifests: ManifestStore;
  behaviour: Behaviour;
  /** Refuses every change. */
  readOnly: boolean;
  /** Absent: everybody may do everything. */
  gate: Gate | undefined;
  /** Makes it a pull-through cache. */
  upstream: Upstream | undefined;
}

/** A request with what the server knows of it. */
export interface Asked {
  request: IncomingMessage;
  url: URL;
  /** Address of the token service. */
  realm: string;
  body: Exchange['body'];
}

/** Answers one request of the distribution API, or throws a `RegistryProblem`. */
export type RegistryHandler = (asked: Asked) => Promise<Reply> | Reply;

/** Makes the handler of a registry. */
export function createHandler(options: HandlerOptions): RegistryHandler {
  const { blobs, manifests, behaviour, readOnly, gate, upstream } = options;
  const limit = createRateLimit(behaviour.rateLimit);
  const routes: Partial<Record<string, Methods>> = {
    blobs: blobRoutes(blobs, behaviour.ranges ?? true),
    'blobs/uploads': uploadRoutes(blobs, () => manifests.repositories(), behaviour),
    manifests: manifestRoutes(manifests, behaviour),
    tags: tagRoutes(manifests, behaviour),
    ...(behaviour.referrersApi === false ? {} : { referrers: referrerRoutes(manifests, behaviour) }),
  };

  const answerRoot = (url: URL, caller: Caller, realm: string): Reply | undefined => {
    if (url.pathname === '/v2/' || url.pathname === '/v2') {
      // Also where anonymous callers may pull: clients learn here how to sign in.
      if (gate && caller.user === undefined) throw gate.challenge(realm, caller);
      return jsonReply(200, {});
    }
    if (url.pathname !== '/v2/_catalog' || behaviour.catalog === false) return undefined;
    if (gate && caller.user === undefined) throw gate.challenge(realm, caller);
    const names = manifests.repositories().filter((name) => caller.may(name, 'pull'));
    return pageReply(url, { member: 'repositories', names });
  };

  const requireSha = (text: string): void => {
    if (behaviour.sha512 === false && /(?:^|[=/])sha512(?::|%3A)/i.test(text))
      throw new RegistryProblem('DIGEST_INVALID', 'only sha256 is taken');
  };

  return ({ request, url, realm, body }) => {
    const { method = 'GET', headers } = request;
    const reads = method === 'GET' || method === 'HEAD';
    if (method === 'HEAD' && behaviour.head === false) throw new RegistryProblem('UNSUPPORTED', 'HEAD is not allowed');
    const caller = gate?.identify(headers) ?? EVERYBODY;
    const root = reads ? answerRoot(url, caller, realm) : undefined;
    if (root) return root;
    const { repository, kind, rest } = parseAddress(url);
    const methods = routes[kind];
    if (!methods) throw new RegistryProblem('NAME_UNKNOWN', 'there is no such address');
    const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
    const action = actionOf(method, kind);
    gate?.require(caller, [{ repository, action }, ...mountNeeds(method, url, caller)], realm);
    if (!handler || (!reads && (readOnly || upstream)) || (action === 'delete' && behaviour.deletion === false))
      throw new RegistryProblem('UNSUPPORTED', `${method} is not allowed here`);
    requireSha(url.pathname + url.search);
    const { repositories } = behaviour;
    if (action === 'push' && repositories && !repositories.includes(repository))
      throw new RegistryProblem('NAME_UNKNOWN', `the repository ${repository} does not exist; create it first`);
    const exchange: Exchange = { method, headers, url, repository, rest, caller, body };
    const counted = kind === 'manifests' && method === 'GET' ? limit?.() : undefined;
    if (!upstream && !counted) return handler(exchange);
    return (async () => {
      const reply = (upstream && (await fromUpstream(upstream, kind, exchange))) ?? (await handler(exchange));
      return counted ? { ...reply, headers: { ...reply.headers, ...counted } } : reply;
    })();
  };
}

/** Fetches what is asked for, or answers with the upstream's list. */
async function fromUpstream(
  upstream: Upstream,
  kind: string,
  { url, repository, rest }: Exchange,
): Promise<Reply | undefined> {
  // What is neither a tag nor a digest is nowhere, and becomes no address of the upstream's.
  if (kind === 'manifests' && (isTag(rest) || isDigest(rest))) await upstream.manifest(repository, rest);
  if (kind === 'blobs') await upstream.blob(repository, requireDigest(rest));
  if (kind !== 'tags' && kind !== 'referrers') return undefined;
  if (kind === 'referrers') requireDigest(rest);
  const list = await upstream.list(url.pathname + url.search);
  return list && bytesReply(200, { 'content-type': list.mediaType, ...list.headers }, list.bytes);
}

/** A mount also pulls from its source; where the user may not, it becomes an upload (distribution-spec, "Mounting a blob"). */
function mountNeeds(method: string, { searchParams }: URL, caller: Caller): Need[] {
  const from = method === 'POST' && searchParams.has('mount') ? searchParams.get('from') : null;
  if (from === null || !isRepository(from) || !caller.couldPull(from)) return [];
  return [{ repository: from, action: 'pull' }];
}

/** To give an upload up is part of a push. */
function actionOf(method: string, kind: string): Action {
  if (method === 'GET' || method === 'HEAD') return kind === 'blobs/uploads' ? 'push' : 'pull';
  return method === 'DELETE' && kind !== 'blobs/uploads' ? 'delete' : 'push';
}

/** Not `new URL(text, base)`: it would take an address that begins with two slashes for a host. */
export function parseUrl(text: string): URL {
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
