import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type Descriptor, isManifest } from '../descriptor.ts';
import { parseDigest, verified, verifiedUnless } from '../digest.ts';
import { OciError, storageError, throwIfAborted } from '../errors.ts';
import type {
  CallOptions,
  Content,
  FetchOptions,
  GraphTarget,
  PredecessorOptions,
  TagLister,
  Untagger,
} from './content.ts';
import { chunksOf } from './content.ts';
import { fetchManifest } from './fetch.ts';
import { safePathParts } from './file-name.ts';
import { makeFolder } from './make-folder.ts';
import { successorsOf } from './manifest.ts';
import { MemoryStore } from './memory-store.ts';
import { checkRange, slice } from './range.ts';
import { readFileChunks } from './read-file.ts';
import { fileKind, writeBelow } from './safe-write.ts';

/** File name of a layer (image-spec annotations.md). */
export const ANNOTATION_TITLE = 'org.opencontainers.image.title';
/** Media type of a file of which nothing is said (oras-go). */
export const MEDIA_TYPE_FILE = 'application/octet-stream';

/** Options of {@link FileStore.open}. */
export interface FileStoreOptions {
  /** Replaces files that are there. Default false. */
  overwrite?: boolean;
  /** Bytes of content without a title, which is kept in memory. Default 64 MiB. */
  memoryLimit?: number;
}

/** What {@link FileStore.add} is told of a file. */
export interface AddFileOptions extends CallOptions {
  /** Default: `application/octet-stream`. */
  mediaType?: string;
  /** Its name in the artifact, a relative path. Default: the file's own name. */
  title?: string;
  annotations?: Record<string, string>;
}

/**
 * Files as content: layers are files of a folder, named by the annotation `org.opencontainers.image.title`, as oras-go's file store. What has
 * no title (manifests, configs) is kept in memory, as are tags. One folder serves both ways: {@link add} makes layers of files, and a copy
 * into the store writes files. Archives of folders, as oras makes them, are written as the archives they are.
 */
export class FileStore implements GraphTarget, Untagger, TagLister {
  /** The folder. */
  readonly path: string;
  readonly #overwrite: boolean;
  readonly #memory = new MemoryStore();
  #memoryLeft: number;
  /** Paths of files by digest, and by title the digest. */
  readonly #paths = new Map<string, string>();
  readonly #titles = new Map<string, string>();
  /** Paths of written files by title: equal content may have several names. */
  readonly #written = new Map<string, string>();
  readonly #beingWritten = new Set<string>();

  private constructor(path: string, { overwrite = false, memoryLimit = 64 * 1024 * 1024 }: FileStoreOptions) {
    this.path = path;
    this.#overwrite = overwrite;
    this.#memoryLeft = memoryLimit;
  }

  /** Opens a folder, which is made where it is missing. @throws {OciError} `ERR_OCI_STORAGE`. */
  static async open(path: string, options: FileStoreOptions = {}): Promise<FileStore> {
    const folder = resolve(path);
    try {
      await makeFolder(folder);
    } catch (error) {
      throw storageError(error, `making the folder ${path}`);
    }
    return new FileStore(folder, options);
  }

  /**
   * Makes a layer of a file: reads it once for size and digest. The file is read again when the layer is fetched; one that has changed since
   * is found out then.
   *
   * @param path - of a regular file; relative paths are inside the store's folder.
   * @throws {OciError} `ERR_OCI_NOT_FOUND`, `ERR_OCI_UNSAFE_PATH` for a title that a receiver would refuse, `ERR_OCI_ALREADY_EXISTS` for a
   * title that another file has, `ERR_OCI_STORAGE` for a folder.
   */
  async add(path: string, options: AddFileOptions = {}): Promise<Descriptor> {
    const { mediaType = MEDIA_TYPE_FILE, title = basename(path), annotations, signal } = options;
    safePathParts(title);
    const file = resolve(this.path, path);
    const { digest, size } = await digestFile(file, signal);
    const before = this.#titles.get(title);
    if (before !== undefined && before !== digest) {
      throw new OciError('ERR_OCI_ALREADY_EXISTS', `two files of the artifact would have the name ${title}`, {
        hint: 'Give one of them another title.',
      });
    }
    this.#titles.set(title, digest);
    this.#paths.set(digest, file);
    return { mediaType, digest, size, annotations: { ...annotations, [ANNOTATION_TITLE]: title } };
  }

  async fetch(descriptor: Descriptor, options: FetchOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    throwIfAborted(options.signal);
    const file = this.#paths.get(descriptor.digest);
    if (file === undefined) return this.#memory.fetch(descriptor, options);
    const { range } = options;
    if (range) checkRange(descriptor, range);
    if (!range) return verifiedUnless(options.verify, readFileChunks(file, options), descriptor);
    return slice(readFileChunks(file, options, range), 0, range[1] - range[0] + 1);
  }

  /** Whether the content is there, under its title where it has one. A file of that name with these bytes counts. */
  async exists(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    throwIfAborted(options.signal);
    const title = titleOf(descriptor);
    if (title === undefined)
      return this.#paths.has(descriptor.digest) || (await this.#memory.exists(descriptor, options));
    if (this.#titles.get(title) === descriptor.digest) return true;
    const path = join(this.path, ...safePathParts(title));
    if ((await fileKind(path).catch(() => 'other')) !== 'file') return false;
    const found = await digestFile(path, options.signal, descriptor);
    if (found.size !== descriptor.size || found.digest !== descriptor.digest) return false;
    this.#remember(descriptor, title, path);
    return true;
  }

  async push(descriptor: Descriptor, content: Content, options: CallOptions = {}): Promise<void> {
    throwIfAborted(options.signal);
    parseDigest(descriptor.digest);
    const title = isManifest(descriptor) ? undefined : titleOf(descriptor);
    if (title !== undefined) return this.#write(descriptor, title, content, options);
    if (descriptor.size > this.#memoryLeft) {
      throw new OciError(
        'ERR_OCI_LIMIT',
        `${descriptor.digest} has ${descriptor.size} bytes and no title; what has no file name is kept in memory, and there is no more room`,
        { hint: 'Copy it into an OCI layout instead, or give the store a larger memoryLimit.' },
      );
    }
    this.#memoryLeft -= descriptor.size;
    try {
      await this.#memory.push(descriptor, content, options);
    } catch (error) {
      this.#memoryLeft += descriptor.size;
      throw error;
    }
    if (isManifest(descriptor)) await this.#writeRepeats(descriptor, options);
  }

  resolve(reference: string, options: CallOptions = {}): Promise<Descriptor> {
    return this.#memory.resolve(reference, options);
  }

  tag(descriptor: Descriptor, reference: string, options: CallOptions = {}): Promise<void> {
    return this.#memory.tag(descriptor, reference, options);
  }

  untag(reference: string, options: CallOptions = {}): Promise<void> {
    return this.#memory.untag(reference, options);
  }

  tags(options: CallOptions = {}): Promise<string[]> {
    return this.#memory.tags(options);
  }

  predecessors(descriptor: Descriptor, options: PredecessorOptions = {}): AsyncGenerator<Descriptor> {
    return this.#memory.predecessors(descriptor, options);
  }

  /** Title and path of every file that was added or written, sorted by title. */
  files(): { title: string; path: string; digest: string }[] {
    const sorted = [...this.#titles].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([title, digest]) => ({
      title,
      digest,
      path: this.#written.get(title) ?? this.#paths.get(digest) ?? '',
    }));
  }

  async #write(descriptor: Descriptor, title: string, content: Content, options: CallOptions): Promise<void> {
    if (await this.exists(descriptor, options)) return;
    if (this.#titles.has(title) || this.#beingWritten.has(title)) {
      throw new OciError('ERR_OCI_ALREADY_EXISTS', `two layers of the artifact are named ${title}`, {
        hint: 'Copy it into an OCI layout instead; the publisher should give each file a name of its own.',
      });
    }
    const source = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of verified(chunksOf(content), descriptor)) {
        throwIfAborted(options.signal);
        yield chunk;
      }
    };
    this.#beingWritten.add(title);
    try {
      const path = await writeBelow({ root: this.path, title, overwrite: this.#overwrite }, source);
      this.#remember(descriptor, title, path);
    } finally {
      this.#beingWritten.delete(title);
    }
  }

  /** Layers with equal bytes are copied once; each of their names gets its file when the manifest comes. */
  async #writeRepeats(descriptor: Descriptor, options: CallOptions): Promise<void> {
    const { manifest } = await fetchManifest(this.#memory, descriptor, options);
    for (const part of successorsOf(manifest)) {
      const title = isManifest(part) ? undefined : titleOf(part);
      if (title === undefined || !this.#paths.has(part.digest)) continue;
      const { signal } = options;
      await this.#write(part, title, () => readFileChunks(this.#paths.get(part.digest) ?? '', { signal }), options);
    }
  }

  #remember({ digest }: Descriptor, title: string, path: string): void {
    this.#titles.set(title, digest);
    this.#written.set(title, path);
    if (!this.#paths.has(digest)) this.#paths.set(digest, path);
  }
}

function titleOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[ANNOTATION_TITLE];
}

/** Size and digest of a regular file. @param wanted - a size other than this one is not worth hashing; its algorithm is used. */
async function digestFile(
  path: string,
  signal: AbortSignal | undefined,
  wanted?: Descriptor,
): Promise<{ digest: string; size: number }> {
  const info = await stat(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw storageError(error, `reading ${path}`);
    throw new OciError('ERR_OCI_NOT_FOUND', `there is no file ${path}`, {
      cause: error,
      hint: 'Check the path; relative ones are inside the folder of the store.',
    });
  });
  if (!info.isFile()) {
    throw new OciError('ERR_OCI_STORAGE', `${path} is no regular file`, {
      hint: 'Archive a folder first, for example with tar.',
    });
  }
  if (wanted && info.size !== wanted.size) return { digest: '', size: info.size };
  const algorithm = wanted ? parseDigest(wanted.digest).algorithm : 'sha256';
  const hash = createHash(algorithm);
  let size = 0;
  for await (const chunk of readFileChunks(path, { signal })) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: `${algorithm}:${hash.digest('hex')}`, size };
}
