import { lstat, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { makeFolder } from './make-folder.ts';
import { dirname, join } from 'node:path';
import { type Descriptor, type ImageIndex, isManifest, MEDIA_TYPE_INDEX } from '../descriptor.ts';
import { parseDigest, verified, verifiedUnless } from '../digest.ts';
import { OciError, storageError, throwIfAborted } from '../errors.ts';
import { writeAtomically } from './atomic-file.ts';
import {
  type CallOptions,
  chunksOf,
  type Content,
  type FetchOptions,
  type Deleter,
  type GraphTarget,
  type PredecessorOptions,
  type TagLister,
  type Untagger,
} from './content.ts';
import { withFileLock } from './file-lock.ts';
import { reachableFrom, removeBlobs } from './garbage.ts';
import {
  ANNOTATION_REF_NAME,
  checkLayoutMarker,
  MAX_LAYOUT_INDEX_SIZE,
  nameOf,
  parseLayoutIndex,
  predecessorsInLayout,
  resolveInLayout,
  tagsOf,
  withoutRefName,
} from './layout-index.ts';
import { checkRange, slice } from './range.ts';
import { readFileChunks } from './read-file.ts';
import { syncFolder } from './sync-folder.ts';

/** Milliseconds for which a blob that nothing refers to is kept: its manifest may be on its way. */
const GRACE_MS = 60 * 60 * 1000;

/**
 * A target in a folder: an OCI image layout (image-spec image-layout.md). Blobs and `index.json` appear under their names only when they
 * are whole; several processes may use one folder.
 */
export class OciLayoutStore implements GraphTarget, Untagger, Deleter, TagLister {
  /** The folder. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Opens a layout.
   *
   * @param options.create - makes the folder where it is missing; default false.
   * @throws {OciError} `ERR_OCI_NOT_FOUND` or `ERR_OCI_INVALID_LAYOUT`.
   */
  static async open(path: string, options: { create?: boolean } = {}): Promise<OciLayoutStore> {
    const marker = join(path, 'oci-layout');
    try {
      checkLayoutMarker(await readFile(marker, 'utf8'), marker);
    } catch (error) {
      const missing =
        (error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR';
      if (!missing) throw storageError(error, `opening the OCI layout ${path}`);
      if (!options.create) {
        throw new OciError('ERR_OCI_NOT_FOUND', `${path} is not an OCI layout`, {
          cause: error,
          hint: 'Name a folder that "bpfship pack" or another OCI tool wrote.',
        });
      }
      await createLayout(path);
    }
    return new OciLayoutStore(path);
  }

  async fetch(descriptor: Descriptor, options: FetchOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    throwIfAborted(options.signal);
    const { range } = options;
    if (range) checkRange(descriptor, range);
    const file = this.#blobPath(descriptor);
    try {
      const info = await stat(file);
      if (!info.isFile())
        throw new OciError('ERR_OCI_INVALID_LAYOUT', `${descriptor.digest} in ${this.path} is no regular file`);
      if (info.size !== descriptor.size) {
        throw new OciError(
          'ERR_OCI_SIZE_MISMATCH',
          `${descriptor.digest} in ${this.path} has ${info.size} bytes, not ${descriptor.size}`,
        );
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        throw new OciError('ERR_OCI_NOT_FOUND', `${descriptor.digest} is not in the layout ${this.path}`, {
          cause: error,
        });
      }
      throw storageError(error, `reading ${descriptor.digest} from ${this.path}`);
    }
    if (!range) return verifiedUnless(options.verify, readFileChunks(file, options), descriptor);
    return slice(readFileChunks(file, options, range), 0, range[1] - range[0] + 1);
  }

  async exists(descriptor: Descriptor, { signal }: CallOptions = {}): Promise<boolean> {
    throwIfAborted(signal);
    const file = this.#blobPath(descriptor);
    try {
      const info = await stat(file);
      const found = info.isFile() && info.size === descriptor.size;
      if (found) await this.#freshen(file, info.mtimeMs);
      return found;
    } catch {
      return false;
    }
  }

  async push(descriptor: Descriptor, content: Content, options: CallOptions = {}): Promise<void> {
    if (!(await this.exists(descriptor))) await this.#write(descriptor, content, options);
    if (isManifest(descriptor)) await this.#indexManifest(descriptor);
  }

  async resolve(reference: string, { signal }: CallOptions = {}): Promise<Descriptor> {
    throwIfAborted(signal);
    const { manifests } = await this.#readIndex();
    return resolveInLayout(this, manifests, reference, { place: this.path, signal });
  }

  async tag(descriptor: Descriptor, reference: string, { signal }: CallOptions = {}): Promise<void> {
    throwIfAborted(signal);
    if (!(await this.exists(descriptor))) {
      throw new OciError('ERR_OCI_NOT_FOUND', `${descriptor.digest} is not in the layout ${this.path}`);
    }
    const named = { ...descriptor, annotations: { ...descriptor.annotations, [ANNOTATION_REF_NAME]: reference } };
    await this.#changeIndex((manifests) => {
      const others = manifests.filter((entry) => nameOf(entry) !== reference);
      const before = manifests.find((entry) => nameOf(entry) === reference);
      // What loses its last name stays in the layout, to be found by digest: an installed generation may still need it.
      const nameless = before && !others.some(({ digest }) => digest === before.digest) ? [withoutRefName(before)] : [];
      return [
        ...[...others, ...nameless].filter(
          (entry) => entry.digest !== descriptor.digest || nameOf(entry) !== undefined,
        ),
        named,
      ];
    });
  }

  async *predecessors(descriptor: Descriptor, options: PredecessorOptions = {}): AsyncGenerator<Descriptor> {
    throwIfAborted(options.signal);
    yield* predecessorsInLayout(this, (await this.#readIndex()).manifests, descriptor, options);
  }

  /**
   * Takes a name away. The manifest stays, to be found by its digest.
   *
   * @throws {OciError} `ERR_OCI_NOT_FOUND`.
   */
  async untag(reference: string, { signal }: CallOptions = {}): Promise<void> {
    throwIfAborted(signal);
    await this.#changeIndex((manifests) => {
      const named = manifests.find((entry) => nameOf(entry) === reference);
      if (!named) throw new OciError('ERR_OCI_NOT_FOUND', `"${reference}" is no tag in the layout ${this.path}`);
      const others = manifests.filter((entry) => nameOf(entry) !== reference);
      return others.some(({ digest }) => digest === named.digest) ? others : [...others, withoutRefName(named)];
    });
  }

  /**
   * Removes a manifest with all its names, or a blob. What it refers to stays until {@link gc}.
   *
   * @throws {OciError} `ERR_OCI_NOT_FOUND`.
   */
  async delete(descriptor: Descriptor, { signal }: CallOptions = {}): Promise<void> {
    throwIfAborted(signal);
    const file = this.#blobPath(descriptor);
    if (!(await this.exists(descriptor)))
      throw new OciError('ERR_OCI_NOT_FOUND', `${descriptor.digest} is not in the layout ${this.path}`);
    // First the names: a name whose manifest is gone would be a broken layout.
    if (isManifest(descriptor)) await this.prune((digest) => digest !== descriptor.digest);
    await rm(file, { force: true });
  }

  /**
   * Removes the blobs that no manifest in `index.json` refers to, near or far. A manifest whose parts are missing keeps those that are there.
   *
   * @param options.graceMs - younger blobs stay, since another process may be about to push their manifest. Default one hour.
   * @returns the digests that were removed, sorted.
   */
  async gc({ graceMs = GRACE_MS, signal }: CallOptions & { graceMs?: number } = {}): Promise<string[]> {
    throwIfAborted(signal);
    return withFileLock(join(this.path, 'index.json.lock'), async () => {
      const { manifests } = await this.#readIndex();
      const kept = await reachableFrom(this, manifests.map(withoutRefName), signal);
      return removeBlobs(join(this.path, 'blobs'), { kept, before: Date.now() - graceMs, signal });
    });
  }

  /** Takes manifests out of `index.json` whose digest is not kept; their blobs stay. */
  async prune(keep: (digest: string) => boolean): Promise<void> {
    await this.#changeIndex((manifests) => {
      const kept = manifests.filter(({ digest }) => keep(digest));
      return kept.length === manifests.length ? manifests : kept;
    });
  }

  /** Returns when everything that was pushed and tagged would outlast a power cut. */
  async sync(): Promise<void> {
    const blobs = join(this.path, 'blobs');
    const algorithms = await readdir(blobs);
    await syncFolders(...algorithms.map((name) => join(blobs, name)), blobs, this.path);
  }

  /** Names in this layout. */
  async tags({ signal }: CallOptions = {}): Promise<string[]> {
    throwIfAborted(signal);
    return tagsOf((await this.#readIndex()).manifests);
  }

  #blobPath(descriptor: Descriptor): string {
    const { algorithm, hex } = parseDigest(descriptor.digest);
    return join(this.path, 'blobs', algorithm, hex);
  }

  async #write(descriptor: Descriptor, content: Content, { signal }: CallOptions): Promise<void> {
    await this.#checkBlobFolder(descriptor);
    const source = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of verified(chunksOf(content), descriptor)) {
        throwIfAborted(signal);
        yield chunk;
      }
    };
    await writeAtomically(this.#blobPath(descriptor), source);
  }

  /**
   * Whoever finds a blob here does not write it, and may be about to push a manifest that needs it: to {@link gc} it is as new as a written
   * one. What cannot be changed is not collected either.
   */
  async #freshen(file: string, mtimeMs: number): Promise<void> {
    const now = Date.now();
    if (now - mtimeMs > GRACE_MS / 2) await utimes(file, now / 1000, now / 1000).catch(() => undefined);
  }

  /** Nothing is written where a link in a layout of others would lead. */
  async #checkBlobFolder(descriptor: Descriptor): Promise<void> {
    const folder = dirname(this.#blobPath(descriptor));
    for (const path of [dirname(folder), folder]) {
      const info = await lstat(path).catch(() => undefined);
      if (info?.isSymbolicLink())
        throw new OciError('ERR_OCI_INVALID_LAYOUT', `${path} is a symbolic link; nothing is written through it`, {
          hint: 'Name the folder that it leads to, where that is what you want.',
        });
    }
  }

  /** A manifest must be reachable from `index.json` to be part of the layout; signatures are found through it. */
  async #indexManifest(descriptor: Descriptor): Promise<void> {
    await this.#changeIndex((manifests) =>
      manifests.some(({ digest }) => digest === descriptor.digest) ? manifests : [...manifests, descriptor],
    );
  }

  async #changeIndex(change: (manifests: Descriptor[]) => Descriptor[]): Promise<void> {
    await withFileLock(join(this.path, 'index.json.lock'), async () => {
      await this.#removeUnfinished();
      const index = await this.#readIndex();
      const manifests = change(index.manifests);
      if (manifests === index.manifests) return;
      await writeAtomically(join(this.path, 'index.json'), () => jsonBytes({ ...index, manifests }));
    });
  }

  /** While this process holds the lock, nobody writes an index or marker: what looks like one in the making is a killed process's. */
  async #removeUnfinished(): Promise<void> {
    for (const name of await readdir(this.path))
      if (/^(?:index\.json|oci-layout)\..*\.tmp$/.test(name)) await rm(join(this.path, name), { force: true });
  }

  async #readIndex(): Promise<ImageIndex> {
    const file = join(this.path, 'index.json');
    try {
      const info = await stat(file);
      if (!info.isFile()) throw new OciError('ERR_OCI_INVALID_LAYOUT', `${file} is no regular file`);
      if (info.size > MAX_LAYOUT_INDEX_SIZE)
        throw new OciError('ERR_OCI_SIZE_EXCEEDED', `${file} is larger than ${MAX_LAYOUT_INDEX_SIZE} bytes`);
      return parseLayoutIndex(await readFile(file, 'utf8'), file);
    } catch (error) {
      throw storageError(error, `reading ${file}`);
    }
  }
}

async function createLayout(path: string): Promise<void> {
  try {
    await makeFolder(join(path, 'blobs', 'sha256'));
  } catch (error) {
    throw storageError(error, `making the OCI layout ${path}`);
  }
  // Another process may make the same layout at the same time, and must not find its index replaced by an empty one.
  await withFileLock(join(path, 'index.json.lock'), async () => {
    const index = join(path, 'index.json');
    const exists = await stat(index).then(
      () => true,
      () => false,
    );
    const empty = { schemaVersion: 2, mediaType: MEDIA_TYPE_INDEX, manifests: [] };
    if (!exists) await writeAtomically(index, () => jsonBytes(empty));
    // What has the marker is a layout: after a power cut, too, the marker must not be there without the rest.
    await syncFolders(join(path, 'blobs'), path);
    await writeAtomically(join(path, 'oci-layout'), () => jsonBytes({ imageLayoutVersion: '1.0.0' }));
    await syncFolders(path, dirname(path));
  });
}

async function syncFolders(...folders: string[]): Promise<void> {
  for (const folder of folders) {
    try {
      await syncFolder(folder);
    } catch (error) {
      throw storageError(error, `writing ${folder}`);
    }
  }
}

async function* jsonBytes(value: unknown): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(JSON.stringify(value));
}
