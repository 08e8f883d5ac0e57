import { ARTIFACT_TYPE_CATALOGUE, type CatalogueEntry, MAX_CATALOGUE_SIZE, parseCatalogue } from '@bpfship/media-types';
import {
  fetchBytes,
  isIndexManifest,
  isNotFound,
  parseManifest,
  parseReference,
  type RemoteOptions,
  Repository,
} from '@bpfship/oras-client';
import { type Policy, verifyArtifact } from '@bpfship/trust';
import { ShimError } from '../shim-error.ts';
import type { DesiredCatalogue, DesiredService, DesiredState } from './desired-schema.ts';
import { compareVersions, highestInRange, isInRange, parseRange, parseVersion, type VersionRange } from './semver.ts';
import type { SourceMemories } from './source-memory.ts';

/** What a service's source offers. */
export interface Offer {
  repository: Repository;
  /** Registry and repository. */
  location: string;
  /** Digest, or for what is not installed yet a tag, so that one request is saved. */
  reference: string;
  /** Absent where only the tag is known. */
  digest?: string;
}

/** What runs now, as far as sources need to know it. */
export interface Running {
  digest: string;
  version: string;
}

/** The registries and catalogues of a desired state: what they offer, with as few requests as can be. */
export class Sources implements AsyncDisposable {
  readonly #memories: SourceMemories;
  readonly #remote: RemoteOptions;
  readonly #repositories = new Map<string, Repository>();
  /** One look at a catalogue serves all services that name it. */
  readonly #catalogues = new Map<string, CatalogueLook>();

  constructor(memories: SourceMemories, remote: RemoteOptions) {
    this.#memories = memories;
    this.#remote = remote;
  }

  /**
   * What the source of a service offers.
   *
   * @returns `undefined` where it is what runs.
   * @throws {OciError}, {TrustError}; {ShimError} `ERR_SHIM_NO_VERSION`.
   */
  async offer(
    desired: DesiredState,
    service: DesiredService,
    running: Running | undefined,
    signal?: AbortSignal,
  ): Promise<Offer | undefined> {
    if (service.catalogue !== undefined) return this.#fromCatalogue(desired, service, running, signal);
    const parsed = parseReference(service.reference ?? service.repository ?? '');
    const location = `${parsed.registry}/${parsed.repository}`;
    const repository = this.#open(location);
    const digest = service.digest ?? parsed.digest;
    if (digest !== undefined)
      return digest === running?.digest ? undefined : { repository, location, reference: digest, digest };
    const tag = parsed.tag ?? service.channel;
    if (tag !== undefined) return byTag({ repository, location, tag, running, signal });
    const { version } = service;
    if (version === undefined) throw new TypeError('a checked document says which version');
    return this.#byVersion({ service, version, repository, location, running, signal });
  }

  /** What runs, to be brought in again with other settings. */
  same({ source, digest }: { source: string; digest: string }): Offer {
    return { repository: this.#open(source), location: source, reference: digest, digest };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#repositories.values()].map((repository) => repository.close()));
    this.#repositories.clear();
    await this.#memories.save();
  }

  #open(location: string): Repository {
    let found = this.#repositories.get(location);
    if (found === undefined) {
      found = new Repository(parseReference(location), this.#remote);
      this.#repositories.set(location, found);
    }
    return found;
  }

  #catalogue(
    desired: DesiredState,
    { name, reference, policy }: DesiredCatalogue,
    known: string | undefined,
    signal: AbortSignal | undefined,
  ): CatalogueLook {
    const found = this.#catalogues.get(name);
    if (found) return found;
    const parsed = parseReference(reference);
    const repository = this.#open(`${parsed.registry}/${parsed.repository}`);
    const named = parsed.digest ?? parsed.tag ?? 'latest';
    const resolve = async (): Promise<string> =>
      known === undefined
        ? (await repository.resolve(named, { signal })).digest
        : ((await repository.resolveUnless(named, known, { signal }))?.digest ?? known);
    const digest = resolve();
    digest.catch(() => undefined);
    let entries: Promise<CatalogueEntry[]> | undefined;
    const read = async (): Promise<CatalogueEntry[]> =>
      readCatalogue(repository, await digest, policy ?? desired.policy ?? { keys: [] }, signal);
    const look = { digest, entries: () => (entries ??= read()) };
    this.#catalogues.set(name, look);
    return look;
  }

  async #byVersion(wanted: ByVersion): Promise<Offer | undefined> {
    const { service, version, repository, location, running, signal } = wanted;
    if (parseVersion(version)) {
      try {
        return await byTag({ repository, location, tag: version.replaceAll('+', '_'), running, signal });
      } catch (error) {
        // Some write a "v" before their versions: the list of tags says.
        if (!isNotFound(error)) throw error;
      }
    }
    const range = rangeOf(service, version);
    const source = `${location} ${version}`;
    const memory = await this.#memories.get(service.name, source);
    const list = await repository.tagsUnless(memory?.known, { signal });
    const best = list && bestOf(list.tags, range);
    const tag = list === undefined ? memory?.tag : best;
    if (tag === undefined) throw noVersion(service, location, version);
    const same = memory !== undefined && tag === memory.tag;
    const known = list?.entityTag ?? memory?.known;
    const remember = (digest: string): void =>
      this.#memories.set(service.name, { source, tag, digest, ...(known === undefined ? {} : { known }) });
    if (same && memory.digest === running?.digest) {
      remember(memory.digest);
      return undefined;
    }
    if (isOlder(tag, running, range)) return undefined;
    const digest = running
      ? ((await repository.resolveUnless(tag, running.digest, { signal }))?.digest ?? running.digest)
      : (await repository.resolve(tag, { signal })).digest;
    remember(digest);
    return digest === running?.digest ? undefined : { repository, location, reference: digest, digest };
  }

  async #fromCatalogue(
    desired: DesiredState,
    service: DesiredService,
    running: Running | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Offer | undefined> {
    const catalogue = desired.catalogues?.find(({ name }) => name === service.catalogue);
    if (catalogue === undefined) throw new TypeError('a checked document has its catalogues');
    const version = service.version ?? '*';
    const source = `${catalogue.reference} ${version} ${service.digest ?? ''}`;
    const memory = await this.#memories.get(service.name, source);
    const catalogueNow = this.#catalogue(desired, catalogue, memory?.known, signal);
    const known = await catalogueNow.digest;
    const chosen =
      memory?.known === known ? memory : chooseEntry(await catalogueNow.entries(), service, rangeOf(service, version));
    if (chosen === undefined) throw noVersion(service, `the catalogue ${catalogue.reference}`, version);
    const { digest, repository = '' } = chosen;
    this.#memories.set(service.name, {
      source,
      known,
      repository,
      digest,
      ...(chosen.version === undefined ? {} : { version: chosen.version }),
    });
    if (digest === running?.digest || isOlder(chosen.version ?? '', running, rangeOf(service, version)))
      return undefined;
    return { repository: this.#open(repository), location: repository, reference: digest, digest };
  }
}

/** One look at a catalogue: its digest by one conditional request, its entries only where they are wanted. */
interface CatalogueLook {
  digest: Promise<string>;
  entries(): Promise<CatalogueEntry[]>;
}

async function readCatalogue(
  repository: Repository,
  digest: string,
  policy: Policy,
  signal: AbortSignal | undefined,
): Promise<CatalogueEntry[]> {
  const { descriptor, bytes } = await repository.fetchReference(digest, { signal });
  const manifest = parseManifest(bytes, descriptor);
  if (isIndexManifest(manifest) || manifest.artifactType !== ARTIFACT_TYPE_CATALOGUE) {
    throw new ShimError('ERR_SHIM_DESIRED', `${repository.registry}/${repository.name}@${digest} is no catalogue`, {
      hint: 'Name an artifact that "bpfship hub build" wrote.',
    });
  }
  await verifyArtifact({ target: repository, subject: descriptor, policy, ...(signal ? { signal } : {}) });
  return parseCatalogue(await fetchBytes(repository, manifest.config, { maxBytes: MAX_CATALOGUE_SIZE, signal }))
    .entries;
}

/** The newest version of a service in a range, or the one with the digest that is wanted. */
function chooseEntry(
  entries: readonly CatalogueEntry[],
  { name, digest }: DesiredService,
  range: VersionRange,
): CatalogueEntry | undefined {
  const own = entries.filter((entry) => entry.name === name && (digest === undefined || entry.digest === digest));
  const best = highestInRange(
    own.map(({ version }) => version),
    range,
  );
  return best && own.find(({ version }) => version === best.text);
}

interface ByVersion {
  service: DesiredService;
  version: string;
  repository: Repository;
  location: string;
  running: Running | undefined;
  signal: AbortSignal | undefined;
}

async function byTag({
  repository,
  location,
  tag,
  running,
  signal,
}: Omit<ByVersion, 'service' | 'version'> & { tag: string }): Promise<Offer | undefined> {
  if (running === undefined) return { repository, location, reference: tag };
  const found = await repository.resolveUnless(tag, running.digest, { signal });
  return found && { repository, location, reference: found.digest, digest: found.digest };
}

/** Tags have no "+"; those who tag versions with build metadata write "_" for it. */
function bestOf(tags: readonly string[], range: VersionRange): string | undefined {
  return highestInRange(tags, range)?.text;
}

/** A range never leads back: that a tag was removed is no reason to go to an older version. Where the running version is outside of the range, it is. */
function isOlder(tag: string, running: Running | undefined, range: VersionRange): boolean {
  const [offered, now] = [parseVersion(tag), running && parseVersion(running.version)];
  if (offered === undefined || now === undefined) return false;
  return isInRange(now, range) && compareVersions(offered, now) < 0;
}

function rangeOf({ name }: DesiredService, version: string): VersionRange {
  const range = parseRange(version);
  if (range) return range;
  throw new ShimError('ERR_SHIM_DESIRED', `"${version}" of ${name} is no range of versions`, {
    hint: 'Correct the document and apply it again.',
  });
}

function noVersion({ name }: DesiredService, where: string, version: string): ShimError {
  return new ShimError('ERR_SHIM_NO_VERSION', `${where} has no version of ${name} in "${version}"`, {
    hint: 'Correct "version", or push a version that is in it.',
  });
}
