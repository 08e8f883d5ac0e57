import { type Descriptor, isManifest } from '../descriptor.ts';
import { verifyBytes } from '../digest.ts';
import { OciError, throwIfAborted } from '../errors.ts';
import {
  type CallOptions,
  chunksOf,
  type Content,
  type Deleter,
  type FetchOptions,
  type GraphTarget,
  type PredecessorOptions,
  type TagLister,
  type Untagger,
} from './content.ts';
import { parseManifest } from './manifest.ts';
import { checkRange } from './range.ts';
import { referrerDescriptor } from './referrer.ts';

/** A target in memory. */
export class MemoryStore implements GraphTarget, Untagger, Deleter, TagLister {
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #tags = new Map<string, Descriptor>();
  /** Manifests by the digest of their subject. */
  readonly #referrers = new Map<string, Descriptor[]>();
  readonly #descriptors = new Map<string, Descriptor>();

  async fetch(descriptor: Descriptor, { signal, range }: FetchOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    throwIfAborted(signal);
    const bytes = this.#blobs.get(descriptor.digest);
    if (!bytes) throw new OciError('ERR_OCI_NOT_FOUND', `${descriptor.digest} is not in this store`);
    verifyBytes(bytes, descriptor);
    if (!range) return chunksOf(bytes);
    checkRange(descriptor, range);
    return chunksOf(bytes.subarray(range[0], range[1] + 1));
  }

  async exists(descriptor: Descriptor, { signal }: CallOptions = {}): Promise<boolean> {
    throwIfAborted(signal);
    return this.#blobs.has(descriptor.digest);
  }

  async push(descriptor: Descriptor, content: Content, { signal }: CallOptions = {}): Promise<void> {
    const chunks: Uint8Array[] = [];
    let received = 0;
    for await (const chunk of chunksOf(content)) {
      throwIfAborted(signal);
      received += chunk.length;
      if (received > descriptor.size) break;
      chunks.push(chunk);
    }
    const bytes = Buffer.concat(chunks);
    verifyBytes(bytes, descriptor);
    const manifest = isManifest(descriptor) ? parseManifest(bytes, descriptor) : undefined;
    this.#blobs.set(descriptor.digest, bytes);
    if (!manifest) return;
    this.#descriptors.set(descriptor.digest, descriptor);
    if (manifest.subject)
      addReferrer(this.#referrers, manifest.subject.digest, referrerDescriptor(descriptor, manifest));
  }

  async resolve(reference: string, { signal }: CallOptions = {}): Promise<Descriptor> {
    throwIfAborted(signal);
    const found = this.#tags.get(reference) ?? this.#descriptors.get(reference);
    if (!found) throw new OciError('ERR_OCI_NOT_FOUND', `"${reference}" is not in this store`);
    return found;
  }

  async tag(descriptor: Descriptor, reference: string, { signal }: CallOptions = {}): Promise<void> {
    throwIfAborted(signal);
    if (!this.#blobs.has(descriptor.digest))
      throw new OciError('ERR_OCI_NOT_FOUND', `${descriptor.digest} is not in this store`);
    this.#tags.set(reference, descriptor);
  }

  async untag(reference: string, { signal }: CallOptions = {}): Promise<void> {
    throwIfAborted(signal);
    if (!this.#tags.delete(reference))
      throw new OciError('ERR_OCI_NOT_FOUND', `"${reference}" is no tag in this store`);
  }

  async delete({ digest }: Descriptor, { signal }: CallOptions = {}): Promise<void> {
    throwIfAborted(signal);
    if (!this.#blobs.delete(digest)) throw new OciError('ERR_OCI_NOT_FOUND', `${digest} is not in this store`);
    this.#descriptors.delete(digest);
    for (const [tag, named] of this.#tags) if (named.digest === digest) this.#tags.delete(tag);
    for (const [subject, list] of this.#referrers) {
      const others = list.filter((referrer) => referrer.digest !== digest);
      if (others.length < list.length) this.#referrers.set(subject, others);
    }
  }

  async tags({ signal }: CallOptions = {}): Promise<string[]> {
    throwIfAborted(signal);
    return [...this.#tags.keys()];
  }

  async *predecessors(descriptor: Descriptor, options: PredecessorOptions = {}): AsyncGenerator<Descriptor> {
    throwIfAborted(options.signal);
    for (const referrer of this.#referrers.get(descriptor.digest) ?? []) {
      if (options.artifactType === undefined || referrer.artifactType === options.artifactType) yield referrer;
    }
  }
}

function addReferrer(referrers: Map<string, Descriptor[]>, subject: string, descriptor: Descriptor): void {
  const list = referrers.get(subject) ?? [];
  if (!list.some(({ digest }) => digest === descriptor.digest)) list.push(descriptor);
  referrers.set(subject, list);
}
