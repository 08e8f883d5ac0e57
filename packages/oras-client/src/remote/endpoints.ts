import { dockerCredentials } from '../credentials/docker-credentials.ts';
import { OciError } from '../errors.ts';
import { apiRepository, formatReference, parseReference, type Reference } from '../reference.ts';
import type { HttpResponse } from './http-client.ts';
import type { RemoteOptions } from './options.ts';
import { type MirrorUse, type RegistryPlace, registriesConf } from './registries-conf.ts';
import { registryError } from './registry-error.ts';
import type { RepositoryApi } from './repository-api.ts';
import { RegistrySession } from './session.ts';

/** One place where a repository is. */
export interface Endpoint {
  session: RegistrySession;
  api: RepositoryApi;
}

interface Mirror extends Endpoint {
  use: MirrorUse;
  /** It did not answer, or not to us; it is not asked again. */
  failed: boolean;
}

/** What a mirror cannot mend: the caller's own mistakes, and the caller's leaving. */
const FINAL: ReadonlySet<string> = new Set([
  'ERR_OCI_ABORTED',
  'ERR_OCI_INVALID_REFERENCE',
  'ERR_OCI_INVALID_RANGE',
  'ERR_OCI_INVALID_DIGEST',
]);
/** Failures of a mirror that come again with the next request. */
const LASTING: ReadonlySet<string> = new Set([
  'ERR_OCI_UNREACHABLE',
  'ERR_OCI_TIMEOUT',
  'ERR_OCI_UNAUTHORIZED',
  'ERR_OCI_FORBIDDEN',
  'ERR_OCI_DENIED_PLAIN_HTTP',
  'ERR_OCI_CERTIFICATE',
]);
/** A mirror is tried again so often; behind it is still the registry itself. */
const MIRROR_RETRIES = 1;

/** Where a repository is read, and where it is written: as the settings of registries say, found out with the first request. */
export class Endpoints {
  readonly #reference: Reference;
  readonly #options: RemoteOptions;
  #opened: Promise<{ primary: Endpoint; mirrors: Mirror[] }> | undefined;
  readonly #sessions: RegistrySession[] = [];

  constructor(reference: Reference, options: RemoteOptions) {
    this.#reference = reference;
    this.#options = options;
  }

  /** Where it is written, and read last. @throws {OciError} `ERR_OCI_BLOCKED`, `ERR_OCI_CONFIG`. */
  async primary(): Promise<Endpoint> {
    return (await this.#open()).primary;
  }

  /**
   * Reads from the first place that can: mirrors in their order, then the repository itself, whose error is the one that counts.
   *
   * @param by - what is read: mirrors may be for tags or for digests only.
   * @param isEnough - whether a mirror's answer is taken; default: every one.
   */
  async read<T>(
    by: 'tag' | 'digest',
    action: (endpoint: Endpoint) => Promise<T>,
    isEnough: (answer: T) => boolean = () => true,
  ): Promise<T> {
    const { primary, mirrors } = await this.#open();
    for (const mirror of mirrors) {
      if (mirror.failed || (mirror.use !== 'all' && mirror.use !== `${by}-only`)) continue;
      try {
        const answer = await action(mirror);
        if (isEnough(answer)) return answer;
      } catch (error) {
        if (!(error instanceof OciError) || FINAL.has(error.code)) throw error;
        mirror.failed = LASTING.has(error.code);
      }
    }
    return action(primary);
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()));
  }

  #open(): Promise<{ primary: Endpoint; mirrors: Mirror[] }> {
    this.#opened ??= this.#find();
    return this.#opened;
  }

  async #find(): Promise<{ primary: Endpoint; mirrors: Mirror[] }> {
    const { registry, repository } = this.#reference;
    const settings = this.#options.registries === false ? undefined : (this.#options.registries ?? registriesConf());
    const route = await settings?.find(registry, repository);
    if (!route) return { primary: this.#endpoint(this.#reference, this.#options), mirrors: [] };
    if (route.blocked) {
      throw new OciError('ERR_OCI_BLOCKED', `${registry}/${repository} is blocked by ${route.source}`, {
        registry,
        repository,
        hint: 'Whoever administers this machine blocked it; ask there.',
      });
    }
    const mirrors = route.mirrors.map((place) => ({
      ...this.#endpoint(place, { ...forOther(this.#options), ...insecureOptions(place), retries: MIRROR_RETRIES }),
      use: place.use,
      failed: false,
    }));
    const own = route.place.registry === registry ? this.#options : forOther(this.#options);
    return { primary: this.#endpoint(route.place, { ...own, ...insecureOptions(route.place) }), mirrors };
  }

  #endpoint({ registry, repository }: Pick<Reference, 'registry' | 'repository'>, options: RemoteOptions): Endpoint {
    // Names reach URLs, so they are checked here again, whoever made them.
    const reference = parseReference(formatReference({ registry, repository }));
    const session = new RegistrySession(reference.registry, options, reference.repository);
    this.#sessions.push(session);
    const path = apiRepository(reference);
    const error = (response: HttpResponse, operation: string): Promise<OciError> =>
      registryError(response, { registry, repository, operation, authorizer: session.authorizer });
    return { session, api: { path, name: repository, scope: (actions) => `repository:${path}:${actions}`, error } };
  }
}

function insecureOptions({ insecure }: RegistryPlace): Pick<RemoteOptions, 'insecureTls' | 'plainHttpFallback'> {
  return insecure ? { insecureTls: true, plainHttpFallback: true } : {};
}

/** What was given for the named registry only is not for another one. */
function forOther(options: RemoteOptions): RemoteOptions {
  const { plainHttp: _http, insecureTls: _tls, cert: _cert, key: _key, headers: _headers, ...rest } = options;
  return options.credentials?.anyRegistry ? { ...rest, credentials: dockerCredentials() } : rest;
}
