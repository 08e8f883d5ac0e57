import { type FileHandle, open } from 'node:fs/promises';
import type { Descriptor } from '../descriptor.ts';
import { parseDigest, verifiedUnless } from '../digest.ts';
import { OciError, storageError, throwIfAborted } from '../errors.ts';
import type { CallOptions, FetchOptions, GraphTarget, PredecessorOptions, TagLister } from './content.ts';
import {
  checkLayoutMarker,
  MAX_LAYOUT_INDEX_SIZE,
  parseLayoutIndex,
  predecessorsInLayout,
  resolveInLayout,
  tagsOf,
} from './layout-index.ts';
import { checkRange, slice } from './range.ts';
import { indexTar, readAt, type TarEntry } from './tar-index.ts';

/** Bytes that are read at a time. */
const CHUNK = 256 * 1024;

/**
 * An OCI image layout in a tar archive (`oci-archive:` of skopeo, `docker save` since Docker 25, `tar -cf` of a layout folder), read without
 * unpacking: headers once, blobs where they are. It is read-only. Close it when it is no longer needed.
 */
export class OciArchiveStore implements GraphTarget, TagLister, AsyncDisposable {
  /** The archive. */
  readonly path: string;
  readonly #file: FileHandle;
  readonly #entries: ReadonlyMap<string, TarEntry>;
  readonly #manifests: readonly Descriptor[];

  private constructor(path: string, file: FileHandle, entries: ReadonlyMap<string, TarEntry>, manifests: Descriptor[]) {
    this.path = path;
    this.#file = file;
    this.#entries = entries;
    this.#manifests = manifests;
  }

  /**
   * Opens an archive.
   *
   * @throws {OciError} `ERR_OCI_NOT_FOUND`; `ERR_OCI_INVALID_LAYOUT` for what is no tar, is compressed, or is no OCI layout.
   */
  static async open(path: string, { signal }: CallOptions = {}): Promise<OciArchiveStore> {
    throwIfAborted(signal);
    const file = await open(path, 'r').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw storageError(error, `opening ${path}`);
      throw new OciError('ERR_OCI_NOT_FOUND', `there is no ${path}`, { cause: error });
    });
    try {
      if (!(await file.stat()).isFile()) throw new OciError('ERR_OCI_INVALID_LAYOUT', `${path} is no regular file`);
      await refuseCompressed(file, path);
      const entries = await indexTar(file, { path, signal });
      const text = async (name: string): Promise<string> => readText(file, path, name, entries.get(name));
      if (!entries.has('oci-layout') || !entries.has('index.json')) throw noLayout(path, entries);
      checkLayoutMarker(await text('oci-layout'), `oci-layout in ${path}`);
      const { manifests } = parseLayoutIndex(await text('index.json'), `index.json in ${path}`);
      return new OciArchiveStore(path, file, entries, manifests);
    } catch (error) {
      await file.close();
      throw error instanceof OciError ? error : storageError(error, `reading ${path}`);
    }
  }

  async fetch(descriptor: Descriptor, options: FetchOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const { range, signal, verify } = options;
    throwIfAborted(signal);
    if (range) checkRange(descriptor, range);
    const { offset, size } = this.#entryOf(descriptor);
    if (size !== descriptor.size) {
      throw new OciError(
        'ERR_OCI_SIZE_MISMATCH',
        `${descriptor.digest} in ${this.path} has ${size} bytes, not ${descriptor.size}`,
      );
    }
    if (!range) return verifiedUnless(verify, this.#read(offset, size, signal), descriptor);
    const length = range[1] - range[0] + 1;
    return slice(this.#read(offset + range[0], length, signal), 0, length);
  }

  async exists(descriptor: Descriptor, { signal }: CallOptions = {}): Promise<boolean> {
    throwIfAborted(signal);
    const entry = this.#entries.get(blobName(descriptor));
    return entry?.kind === 'file' && entry.size === descriptor.size;
  }

  async resolve(reference: string, { signal }: CallOptions = {}): Promise<Descriptor> {
    return resolveInLayout(this, this.#manifests, reference, { place: this.path, signal });
  }

  async *predecessors(descriptor: Descriptor, options: PredecessorOptions = {}): AsyncGenerator<Descriptor> {
    throwIfAborted(options.signal);
    yield* predecessorsInLayout(this, this.#manifests, descriptor, options);
  }

  async tags({ signal }: CallOptions = {}): Promise<string[]> {
    throwIfAborted(signal);
    return tagsOf(this.#manifests);
  }

  /** @throws {OciError} `ERR_OCI_READ_ONLY`, always. */
  push(): Promise<never> {
    return Promise.reject(this.#readOnly());
  }

  /** @throws {OciError} `ERR_OCI_READ_ONLY`, always. */
  tag(): Promise<never> {
    return Promise.reject(this.#readOnly());
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #entryOf(descriptor: Descriptor): TarEntry {
    const entry = this.#entries.get(blobName(descriptor));
    if (entry?.kind === 'file') return entry;
    if (!entry) throw new OciError('ERR_OCI_NOT_FOUND', `${descriptor.digest} is not in the archive ${this.path}`);
    throw new OciError('ERR_OCI_INVALID_LAYOUT', `${descriptor.digest} in ${this.path} is a link, not a file`, {
      hint: 'Write the archive with tar --hard-dereference --dereference.',
    });
  }

  async *#read(offset: number, length: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    for (let done = 0; done < length; done += CHUNK) {
      throwIfAborted(signal);
      try {
        yield await readAt(this.#file, offset + done, Math.min(CHUNK, length - done));
      } catch (error) {
        throw storageError(error, `reading ${this.path}`);
      }
    }
  }

  #readOnly(): OciError {
    return new OciError('ERR_OCI_READ_ONLY', `${this.path} is an archive, which is only read`, {
      hint: 'Write into a layout folder, and make an archive of it with tar.',
    });
  }
}

function blobName({ digest }: Descriptor): string {
  const { algorithm, hex } = parseDigest(digest);
  return `blobs/${algorithm}/${hex}`;
}

async function readText(file: FileHandle, path: string, name: string, entry: TarEntry | undefined): Promise<string> {
  if (entry?.kind !== 'file') throw new OciError('ERR_OCI_INVALID_LAYOUT', `${name} in ${path} is no file`);
  if (entry.size > MAX_LAYOUT_INDEX_SIZE)
    throw new OciError('ERR_OCI_SIZE_EXCEEDED', `${name} in ${path} is larger than ${MAX_LAYOUT_INDEX_SIZE} bytes`);
  return (await readAt(file, entry.offset, entry.size)).toString('utf8');
}

/** First bytes of compressed files, and the programs that unpack them. */
const COMPRESSIONS: readonly [magic: string, name: string, program: string][] = [
  ['1f8b', 'gzip', 'gunzip --keep'],
  ['28b52ffd', 'zstd', 'unzstd'],
  ['fd377a58', 'xz', 'unxz --keep'],
  ['425a68', 'bzip2', 'bunzip2 --keep'],
];

/** There is no way to a place inside compressed bytes but through all that comes before. */
async function refuseCompressed(file: FileHandle, path: string): Promise<void> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
  const start = buffer.subarray(0, bytesRead).toString('hex');
  for (const [magic, name, program] of COMPRESSIONS) {
    if (!start.startsWith(magic)) continue;
    throw new OciError('ERR_OCI_INVALID_LAYOUT', `${path} is compressed with ${name}; an archive is read as it is`, {
      hint: `Unpack it first: ${program} ${path}`,
    });
  }
}

function noLayout(path: string, entries: ReadonlyMap<string, TarEntry>): OciError {
  if (!entries.has('manifest.json'))
    return new OciError('ERR_OCI_INVALID_LAYOUT', `${path} holds no OCI layout: oci-layout or index.json is missing`, {
      hint: 'Make the archive inside the layout folder: tar -cf FILE -C FOLDER oci-layout index.json blobs',
    });
  return new OciError('ERR_OCI_INVALID_LAYOUT', `${path} is an archive of docker save in Docker’s own format`, {
    hint: `Save it with Docker 25 or later, or convert it: skopeo copy docker-archive:${path} oci-archive:FILE`,
  });
}
