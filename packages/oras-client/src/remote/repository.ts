import {
  type CallOptions,
  chunksOf,
  type Content,
  type FetchOptions,
  type GraphTarget,
  type Mounter,
  type PredecessorOptions,
  type ReferencePusher,
} from '../content/content.ts';
import { fetchBytes, type FetchedReference, type ReferenceFetcher } from '../content/fetch.ts';
import { checkRange } from '../content/range.ts';
import { type Descriptor, isManifest } from '../descriptor.ts';
import { parseDigest } from '../digest.ts';
import { throwIfAborted } from '../errors.ts';
import {
  apiRepository,
  checkTag,
  checkTagOrDigest,
  formatReference,
  parseReference,
  type Reference,
} from '../reference.ts';
import { fetchContent } from './content-fetch.ts';
import { deleteContent, deleteTag } from './deletion.ts';
import { embeddedData } from './embedded-data.ts';
import { Endpoints } from './endpoints.ts';
import { contentExists, headBlob } from './content-head.ts';
import { getManifest, headManifest, headManifestUnless, putManifest } from './manifests.ts';
import type { RemoteOptions } from './options.ts';
import { listReferrers } from './referrers.ts';
import { listTags, listTagsUnless, type TagList, type TagOptions } from './tags.ts';
import { uploadBlob } from './upload.ts';

/**
 * A repository in a registry (OCI distribution-spec 1.1). Everything read is verified against its digest. Close it when it is no longer
 * needed.
 */
export class Repository implements GraphTarget, ReferenceFetcher, ReferencePusher, Mounter, AsyncDisposable {
  readonly registry: string;
  /** Name as written, e.g. `acme/exec-watch`. */
  readonly name: string;
  readonly #endpoints: Endpoints;

  /** @throws {OciError} `ERR_OCI_INVALID_REFERENCE`. */
  constructor({ registry, repository }: Pick<Reference, 'registry' | 'repository'>, options: RemoteOptions = {}) {
    // Names reach URLs, so they are checked here again, whoever made them.
    const reference = parseReference(formatReference({ registry, repository }));
    this.registry = reference.registry;
    this.name = reference.repository;
    this.#endpoints = new Endpoints(reference, options);
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    checkTagOrDigest(reference);
    return this.#endpoints.read(kindOf(reference), async ({ session, api }) => {
      const found = await headManifest(session, api, reference, options);
      // Some proxies do not answer HEAD, and some registries leave the digest out.
      return found ?? (await getManifest(session, api, reference, options)).descriptor;
    });
  }

  /**
   * Resolves a tag where it means something else than before, in one conditional request.
   *
   * @returns `undefined` where it still means `digest`.
   */
  async resolveUnless(reference: string, digest: string, options: CallOptions = {}): Promise<Descriptor | undefined> {
    checkTagOrDigest(reference);
    parseDigest(digest);
    return this.#endpoints.read(kindOf(reference), async ({ session, api }) => {
      const found = await headManifestUnless(session, api, reference, digest, options);
      if (found === 'unchanged') return undefined;
      const now = found ?? (await getManifest(session, api, reference, options)).descriptor;
      return now.digest === digest ? undefined : now;
    });
  }

  /** Resolves a tag or digest and fetches the manifest, in one request. */
  async fetchReference(reference: string, options: CallOptions = {}): Promise<FetchedReference> {
    checkTagOrDigest(reference);
    return this.#endpoints.read(kindOf(reference), ({ session, api }) => getManifest(session, api, reference, options));
  }

  async fetch(descriptor: Descriptor, options: FetchOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const { range, signal } = options;
    parseDigest(descriptor.digest);
    if (range) checkRange(descriptor, range);
    throwIfAborted(signal);
    const embedded = embeddedData(descriptor);
    if (embedded) return chunksOf(range ? embedded.subarray(range[0], range[1] + 1) : embedded);
    return this.#endpoints.read('digest', (endpoint) => fetchContent(endpoint, descriptor, options));
  }

  async exists(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    parseDigest(descriptor.digest);
    const { session, api } = await this.#endpoints.primary();
    return contentExists(session, api, descriptor, options);
  }

  async push(descriptor: Descriptor, content: Content, options: CallOptions = {}): Promise<void> {
    const { session, api } = await this.#endpoints.primary();
    if (isManifest(descriptor)) {
      await putManifest(session, api, { descriptor, content, reference: descriptor.digest, options });
    } else {
      await uploadBlob({ session, api, descriptor, content, options });
    }
  }

  /** Pushes a manifest under a tag, in one request. */
  async pushReference(
    descriptor: Descriptor,
    bytes: Uint8Array,
    reference: string,
    options: CallOptions = {},
  ): Promise<void> {
    checkTagOrDigest(reference);
    const { session, api } = await this.#endpoints.primary();
    await putManifest(session, api, { descriptor, content: bytes, reference, options });
  }

  async mount(
    descriptor: Descriptor,
    from: string,
    content: Content,
    options: CallOptions = {},
  ): Promise<'mounted' | 'uploaded'> {
    const source = apiRepository(parseReference(formatReference({ registry: this.registry, repository: from })));
    const { session, api } = await this.#endpoints.primary();
    // Where the settings of registries lead elsewhere, nobody knows whether they lead the other repository there too.
    const same = session.registry === this.registry && api.name === this.name;
    return uploadBlob({ session, api, descriptor, content, from: same ? source : undefined, options });
  }

  async tag(descriptor: Descriptor, reference: string, options: CallOptions = {}): Promise<void> {
    checkTagOrDigest(reference);
    const bytes = await fetchBytes(this, descriptor, { signal: options.signal });
    await this.pushReference(descriptor, bytes, reference, options);
  }

  /**
   * Size of a blob whose digest alone is known.
   *
   * @returns a descriptor of the media type `application/octet-stream`: a registry does not know another one.
   * @throws {OciError} `ERR_OCI_NOT_FOUND`, `ERR_OCI_INVALID_RESPONSE` where the registry tells no size.
   */
  async resolveBlob(digest: string, options: CallOptions = {}): Promise<Descriptor> {
    parseDigest(digest);
    return this.#endpoints.read('digest', ({ session, api }) => headBlob(session, api, digest, options));
  }

  /**
   * Deletes a manifest, with all its tags, or a blob.
   *
   * @throws {OciError} `ERR_OCI_NOT_FOUND`; `ERR_OCI_UNSUPPORTED` where the registry does not delete.
   */
  async delete(descriptor: Descriptor, options: CallOptions = {}): Promise<void> {
    parseDigest(descriptor.digest);
    const { session, api } = await this.#endpoints.primary();
    await deleteContent(session, api, descriptor, options);
  }

  /** Removes a tag; its manifest stays. @throws {OciError} as {@link delete}. */
  async untag(tag: string, options: CallOptions = {}): Promise<void> {
    checkTag(tag);
    const { session, api } = await this.#endpoints.primary();
    await deleteTag(session, api, tag, options);
  }

  async *predecessors(descriptor: Descriptor, options: PredecessorOptions = {}): AsyncGenerator<Descriptor> {
    parseDigest(descriptor.digest);
    // A mirror that lists nothing may only not know it.
    yield* await this.#endpoints.read(
      'digest',
      async ({ session, api }) => firstOf(listReferrers(session, api, descriptor, options)),
      ({ empty }) => !empty,
    );
  }

  /** Tags of the repository, page by page; never those of a mirror. */
  async *tags(options: TagOptions = {}): AsyncGenerator<string> {
    const { session, api } = await this.#endpoints.primary();
    yield* listTags(session, api, options);
  }

  /**
   * All tags, unless the list is as it was: one conditional request for each page.
   *
   * @param known - the entity tag that came with the list before.
   * @returns `undefined` where the registry says that nothing has changed.
   */
  async tagsUnless(known: string | undefined, options: TagOptions = {}): Promise<TagList | undefined> {
    const { session, api } = await this.#endpoints.primary();
    return listTagsUnless(session, api, known, options);
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    await this.#endpoints.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function kindOf(reference: string): 'tag' | 'digest' {
  return reference.includes(':') ? 'digest' : 'tag';
}

/** A sequence of which the first item was asked for, so that it is known whether there is one. */
async function firstOf<T>(source: AsyncGenerator<T>): Promise<AsyncIterable<T> & { empty: boolean }> {
  const first = await source.next();
  return {
    empty: first.done === true,
    async *[Symbol.asyncIterator]() {
      if (first.done) return;
      yield first.value;
      yield* source;
    },
  };
}
