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
import { checkRange, slice } from '../content/range.ts';
import { type Descriptor, isManifest } from '../descriptor.ts';
import { parseDigest, verified } from '../digest.ts';
import { throwIfAborted, type OciError } from '../errors.ts';
import {
  apiRepository,
  checkTag,
  checkTagOrDigest,
  formatReference,
  parseReference,
  type Reference,
} from '../reference.ts';
import { readBody } from './blob-body.ts';
import { deleteContent, deleteTag } from './deletion.ts';
import { embeddedData } from './embedded-data.ts';
import type { HttpResponse } from './http-client.ts';
import { contentExists, headBlob } from './content-head.ts';
import { getManifest, headManifest, headManifestUnless, putManifest } from './manifests.ts';
import type { RemoteOptions } from './options.ts';
import { listReferrers } from './referrers.ts';
import { registryError } from './registry-error.ts';
import type { RepositoryApi } from './repository-api.ts';
import { RegistrySession } from './session.ts';
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
  readonly #session: RegistrySession;
  readonly #api: RepositoryApi;

  /** @throws {OciError} `ERR_OCI_INVALID_REFERENCE`. */
  constructor({ registry, repository }: Pick<Reference, 'registry' | 'repository'>, options: RemoteOptions = {}) {
    // Names reach URLs, so they are checked here again, whoever made them.
    const reference = parseReference(formatReference({ registry, repository }));
    this.registry = reference.registry;
    this.name = reference.repository;
    const session = new RegistrySession(this.registry, options, this.name);
    const path = apiRepository(reference);
    this.#session = session;
    this.#api = {
      path,
      name: this.name,
      scope: (actions) => `repository:${path}:${actions}`,
      error: (response, operation) => this.#error(response, operation),
    };
  }

  async resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    checkTagOrDigest(reference);
    const found = await headManifest(this.#session, this.#api, reference, options);
    // Some proxies do not answer HEAD, and some registries leave the digest out.
    return found ?? (await getManifest(this.#session, this.#api, reference, options)).descriptor;
  }

  /**
   * Resolves a tag where it means something else than before, in one conditional request.
   *
   * @returns `undefined` where it still means `digest`.
   */
  async resolveUnless(reference: string, digest: string, options: CallOptions = {}): Promise<Descriptor | undefined> {
    checkTagOrDigest(reference);
    parseDigest(digest);
    const found = await headManifestUnless(this.#session, this.#api, reference, digest, options);
    if (found === 'unchanged') return undefined;
    const now = found ?? (await getManifest(this.#session, this.#api, reference, options)).descriptor;
    return now.digest === digest ? undefined : now;
  }

  /** Resolves a tag or digest and fetches the manifest, in one request. */
  async fetchReference(reference: string, options: CallOptions = {}): Promise<FetchedReference> {
    checkTagOrDigest(reference);
    return getManifest(this.#session, this.#api, reference, options);
  }

  async fetch(descriptor: Descriptor, options: FetchOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const { range, signal } = options;
    parseDigest(descriptor.digest);
    if (range) checkRange(descriptor, range);
    throwIfAborted(signal);
    const embedded = embeddedData(descriptor);
    if (embedded) return chunksOf(range ? embedded.subarray(range[0], range[1] + 1) : embedded);
    const kind = isManifest(descriptor) ? 'manifest' : 'blob';
    const [first, last] = range ?? [0, descriptor.size - 1];
    const open = (from: number): Promise<HttpResponse> =>
      this.#session.send({
        method: 'GET',
        to: `/v2/${this.#api.path}/${kind}s/${descriptor.digest}`,
        headers: {
          ...(kind === 'manifest' ? { accept: descriptor.mediaType } : {}),
          ...(range || from > 0 ? { range: `bytes=${from}-${last}` } : {}),
          // The digest is of the bytes as they are; a compressed transfer would have others.
          'accept-encoding': 'identity',
        },
        scope: this.#api.scope('pull'),
        signal,
      });
    const response = await open(first);
    if (response.status !== 200 && !(range && response.status === 206)) {
      throw await this.#error(response, `GET ${kind} ${descriptor.digest}`);
    }
    const { retries } = this.#session;
    const body = readBody({ response, descriptor, first, last, reopen: open, retries, signal });
    return range ? slice(body, 0, last - first + 1) : verified(body, descriptor);
  }

  async exists(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    parseDigest(descriptor.digest);
    return contentExists(this.#session, this.#api, descriptor, options);
  }

  async push(descriptor: Descriptor, content: Content, options: CallOptions = {}): Promise<void> {
    if (isManifest(descriptor)) {
      await putManifest(this.#session, this.#api, { descriptor, content, reference: descriptor.digest, options });
    } else {
      await uploadBlob({ session: this.#session, api: this.#api, descriptor, content, options });
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
    await putManifest(this.#session, this.#api, { descriptor, content: bytes, reference, options });
  }

  async mount(
    descriptor: Descriptor,
    from: string,
    content: Content,
    options: CallOptions = {},
  ): Promise<'mounted' | 'uploaded'> {
    const source = apiRepository(parseReference(formatReference({ registry: this.registry, repository: from })));
    return uploadBlob({ session: this.#session, api: this.#api, descriptor, content, from: source, options });
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
    return headBlob(this.#session, this.#api, digest, options);
  }

  /**
   * Deletes a manifest, with all its tags, or a blob.
   *
   * @throws {OciError} `ERR_OCI_NOT_FOUND`; `ERR_OCI_UNSUPPORTED` where the registry does not delete.
   */
  async delete(descriptor: Descriptor, options: CallOptions = {}): Promise<void> {
    parseDigest(descriptor.digest);
    await deleteContent(this.#session, this.#api, descriptor, options);
  }

  /** Removes a tag; its manifest stays. @throws {OciError} as {@link delete}. */
  async untag(tag: string, options: CallOptions = {}): Promise<void> {
    checkTag(tag);
    await deleteTag(this.#session, this.#api, tag, options);
  }

  predecessors(descriptor: Descriptor, options: PredecessorOptions = {}): AsyncIterable<Descriptor> {
    parseDigest(descriptor.digest);
    return listReferrers(this.#session, this.#api, descriptor, options);
  }

  /** Tags of the repository, page by page. */
  tags(options: TagOptions = {}): AsyncIterable<string> {
    return listTags(this.#session, this.#api, options);
  }

  /**
   * All tags, unless the list is as it was: one conditional request for each page.
   *
   * @param known - the entity tag that came with the list before.
   * @returns `undefined` where the registry says that nothing has changed.
   */
  tagsUnless(known: string | undefined, options: TagOptions = {}): Promise<TagList | undefined> {
    return listTagsUnless(this.#session, this.#api, known, options);
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    await this.#session.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #error(response: HttpResponse, operation: string): Promise<OciError> {
    const { authorizer } = this.#session;
    return registryError(response, { registry: this.registry, repository: this.name, operation, authorizer });
  }
}
