import type { CallOptions } from '../content/content.ts';
import { MAX_MANIFEST_SIZE } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import { followPages, nextPage, type Page } from './link.ts';
import type { RemoteOptions } from './options.ts';
import { registryError } from './registry-error.ts';
import { Repository } from './repository.ts';
import { RegistrySession } from './session.ts';

/** Options of listing repositories. */
export interface RepositoriesOptions extends CallOptions {
  /** Default 1000, which no registry refuses. */
  pageSize?: number;
  /** Begins after this repository, in the registry's order. */
  last?: string;
}

/** A registry as a whole. Close it when it is no longer needed. */
export class Registry implements AsyncDisposable {
  readonly registry: string;
  readonly #options: RemoteOptions;
  readonly #session: RegistrySession;

  /** @param registry - host and port. @throws {OciError} `ERR_OCI_INVALID_REFERENCE`. */
  constructor(registry: string, options: RemoteOptions = {}) {
    this.registry = registry;
    this.#options = options;
    this.#session = new RegistrySession(registry, options);
  }

  /** Asks the registry whether it is one and accepts the credentials. @throws {OciError}. */
  async ping(options: CallOptions = {}): Promise<void> {
    const { authorizer } = this.#session;
    const response = await this.#session.send({ method: 'GET', to: '/v2/', scope: '', signal: options.signal });
    if (response.status !== 200) {
      throw await registryError(response, { registry: this.registry, operation: 'GET /v2/', authorizer });
    }
    await response.discard();
  }

  /**
   * Names of the repositories, page by page. Many registries do not tell them, or not to everybody (Docker Hub, GHCR).
   *
   * @throws {OciError} `ERR_OCI_UNSUPPORTED` where the registry has no such list.
   */
  async *repositories({ signal, pageSize = 1000, last }: RepositoriesOptions = {}): AsyncGenerator<string> {
    const seen = new Set<string>();
    const first = `/v2/_catalog?n=${pageSize}${last === undefined ? '' : `&last=${encodeURIComponent(last)}`}`;
    for await (const name of followPages(first, (to) => this.#page(to, signal), this.registry)) {
      if (!seen.has(name)) yield name;
      seen.add(name);
    }
  }

  /** A repository in this registry. Close it by itself. @throws {OciError} `ERR_OCI_INVALID_REFERENCE`. */
  repository(name: string): Repository {
    return new Repository({ registry: this.registry, repository: name }, this.#options);
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    await this.#session.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #page(to: string | URL, signal: AbortSignal | undefined): Promise<Page<string>> {
    const { authorizer, base } = this.#session;
    const response = await this.#session.send({ method: 'GET', to, scope: 'registry:catalog:*', signal });
    if (response.status !== 200) {
      const context = { registry: this.registry, operation: 'GET list of repositories', authorizer };
      const error = await registryError(response, context);
      throw error.status === 404 ? notOffered(this.registry, error) : error;
    }
    const entries = parseNames(await response.bytes(MAX_MANIFEST_SIZE), this.registry);
    return { entries, next: nextPage(response, base) };
  }
}

/** Asks a registry whether it is one and accepts the credentials. @throws {OciError}. */
export async function pingRegistry(registry: string, options: RemoteOptions = {}): Promise<void> {
  await using opened = new Registry(registry, options);
  await opened.ping();
}

function notOffered(registry: string, cause: OciError): OciError {
  return new OciError('ERR_OCI_UNSUPPORTED', `${registry} does not tell which repositories it has`, {
    registry,
    operation: 'GET list of repositories',
    status: 404,
    cause,
    hint: 'Name the repository; the registry’s own page lists them.',
  });
}

function parseNames(bytes: Uint8Array, registry: string): string[] {
  try {
    const { repositories } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { repositories?: unknown };
    if (repositories === null) return [];
    if (Array.isArray(repositories) && repositories.every((name) => typeof name === 'string')) return repositories;
  } catch {
    // Falls through to the error.
  }
  throw new OciError('ERR_OCI_INVALID_RESPONSE', `${registry} answered the list of repositories with something else`, {
    registry,
  });
}
