import type { Descriptor } from '../descriptor.ts';

/** Options that every call takes. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
}

/** Options of reading content. */
export interface FetchOptions extends CallOptions {
  /** `false` where the reader verifies the content itself, as every `push` does: hashing twice takes as long as receiving. */
  verify?: false | undefined;
  /** First and last byte, both included. A part cannot be held against the digest: only its length is checked. */
  range?: readonly [first: number, last: number] | undefined;
}

/** Content to push: bytes, or a factory that gives the same bytes at each call, so that a failed transfer can be repeated. */
export type Content = Uint8Array | (() => AsyncIterable<Uint8Array>);

/** Reads content by descriptor. */
export interface ReadOnlyStorage {
  /**
   * The content, verified while it flows: an error comes instead of the end where size or digest differ.
   *
   * The content must be read or left with `break`: a registry's connection is held until then.
   *
   * @throws {OciError} `ERR_OCI_NOT_FOUND`, `ERR_OCI_INVALID_RANGE` and others.
   */
  fetch(descriptor: Descriptor, options?: FetchOptions): Promise<AsyncIterable<Uint8Array>>;
  exists(descriptor: Descriptor, options?: CallOptions): Promise<boolean>;
}

/** Writes content. */
export interface Storage extends ReadOnlyStorage {
  /** Stores verified content; nothing is visible before all of it arrived and its digest is right. Existing content is no error. */
  push(descriptor: Descriptor, content: Content, options?: CallOptions): Promise<void>;
}

/** Turns a tag or digest into a descriptor. */
export interface Resolver {
  /** @throws {OciError} `ERR_OCI_NOT_FOUND`. */
  resolve(reference: string, options?: CallOptions): Promise<Descriptor>;
}

/** Gives manifests names. */
export interface Tagger {
  tag(descriptor: Descriptor, reference: string, options?: CallOptions): Promise<void>;
}

/** Takes names away. */
export interface Untagger {
  /** The manifest stays. @throws {OciError} `ERR_OCI_NOT_FOUND`. */
  untag(reference: string, options?: CallOptions): Promise<void>;
}

/** Removes content. */
export interface Deleter {
  /** @throws {OciError} `ERR_OCI_NOT_FOUND`. */
  delete(descriptor: Descriptor, options?: CallOptions): Promise<void>;
}

/** Lists names. */
export interface TagLister {
  tags(options?: CallOptions): Promise<string[]>;
}

/** Finds what refers to a manifest. */
export interface GraphSource {
  /** Manifests whose `subject` is this one. Their `artifactType` in the list is a claim of the registry. */
  predecessors(descriptor: Descriptor, options?: PredecessorOptions): AsyncIterable<Descriptor>;
}

/** A target that takes a manifest and its tag in one request. */
export interface ReferencePusher {
  pushReference(descriptor: Descriptor, bytes: Uint8Array, reference: string, options?: CallOptions): Promise<void>;
}

/** A target that can take a blob over from another repository of its registry. */
export interface Mounter {
  readonly registry: string;
  /**
   * @param from - the other repository's name.
   * @param content - sent where the registry does not mount.
   */
  mount(descriptor: Descriptor, from: string, content: Content, options?: CallOptions): Promise<'mounted' | 'uploaded'>;
}

/** Which predecessors to list. */
export interface PredecessorOptions extends CallOptions {
  artifactType?: string;
}

/** Something to read from. */
export type ReadOnlyTarget = ReadOnlyStorage & Resolver;
/** Something to read from and write to. */
export type Target = Storage & Resolver & Tagger;
/** A target that knows its graph. */
export type GraphTarget = Target & GraphSource;

/** Content as a sequence of chunks. */
export function chunksOf(content: Content): AsyncIterable<Uint8Array> {
  return content instanceof Uint8Array ? single(content) : content();
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
