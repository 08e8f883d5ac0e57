import { createReadStream } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { makeFolder } from './make-folder.ts';
import { dirname, join } from 'node:path';
import { type Descriptor, type ImageIndex, isManifest, MAX_MANIFEST_SIZE, MEDIA_TYPE_INDEX } from '../descriptor.ts';
import { parseDigest, verified } from '../digest.ts';
import { isNotFound, OciError, storageError, throwIfAborted } from '../errors.ts';
import { writeAtomically } from './atomic-file.ts';
import {
  type CallOptions,
  chunksOf,
  type Content,
  type FetchOptions,
  type GraphTarget,
  type PredecessorOptions,
} from './content.ts';
import { fetchBytes } from './fetch.ts';
import { withFileLock } from './file-lock.ts';
import { isDescriptor, parseManifest } from './manifest.ts';
import { checkRange, slice } from './range.ts';
import { referrerDescriptor } from './referrer.ts';
import { syncFolder } from './sync-folder.ts';

const ANNOTATION_REF_NAME = 'org.opencontainers.image.ref.name';
/** `index.json` of a layout with many tags may be larger than a manifest. */
const MAX_INDEX_SIZE = 4 * MAX_MANIFEST_SIZE;

/**
 * A target in a folder: an OCI image layout (image-spec image-layout.md). Blobs and `index.json` appear under their names only when they
 * are whole; several processes may use one folder.
 */
export class OciLayoutStore implements GraphTarget {
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
      const layout = JSON.parse(await readFile(marker, 'utf8')) as { imageLayoutVersion?: unknown };
      if (layout?.imageLayoutVersion !== '1.0.0') {
        throw new OciError('ERR_OCI_INVALID_LAYOUT', `${path} is an OCI layout of another version than 1.0.0`);
      }
    } catch (error) {
      const missing =
        (error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR';
      if (error instanceof SyntaxError)
        throw new OciError('ERR_OCI_INVALID_LAYOUT', `${marker} is not JSON`, { cause: error });
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
    if (!range) return verified(readFileChunks(file, options), descriptor);
    return slice(readFileChunks(file, options, range), 0, range[1] - range[0] + 1);
  }

  async exists(descriptor: Descriptor): Promise<boolean> {
    try {
      return (await stat(this.#blobPath(descriptor))).size === descriptor.size;
    } catch {
      return false;
    }
  }

  async push(descriptor: Descriptor, content: Content, options: CallOptions = {}): Promise<void> {
    if (!(await this.exists(descriptor))) await this.#write(descriptor, content, options);
    if (isManifest(descriptor)) await this.#indexManifest(descriptor);
  }

  async resolve(reference: string): Promise<Descriptor> {
    const { manifests } = await this.#readIndex();
    const byName = manifests.find((entry) => nameOf(entry) === reference);
    const found = byName ?? manifests.find(({ digest }) => digest === reference);
    if (!found) {
      throw new OciError('ERR_OCI_NOT_FOUND', `"${reference}" is not in the layout ${this.path}`, {
        hint: `It has: ${tagsOf(manifests).slice(0, 20).join(', ') || 'no tags'}`,
      });
    }
    return withoutRefName(found);
  }

  async tag(descriptor: Descriptor, reference: string): Promise<void> {
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
    const seen = new Set<string>();
    for (const entry of (await this.#readIndex()).manifests) {
      if (!isManifest(entry) || seen.has(entry.digest)) continue;
      seen.add(entry.digest);
      const bytes = await fetchBytes(this, withoutRefName(entry), options).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      if (!bytes) continue;
      const manifest = parseIfManifest(bytes, entry);
      if (manifest?.subject?.digest !== descriptor.digest) continue;
      const referrer = referrerDescriptor(entry, manifest);
      if (options.artifactType === undefined || referrer.artifactType === options.artifactType) yield referrer;
    }
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
  async tags(): Promise<string[]> {
    return tagsOf((await this.#readIndex()).manifests);
  }

  #blobPath(descriptor: Descriptor): string {
    const { algorithm, hex } = parseDigest(descriptor.digest);
    return join(this.path, 'blobs', algorithm, hex);
  }

  async #write(descriptor: Descriptor, content: Content, { signal }: CallOptions): Promise<void> {
    const source = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of verified(chunksOf(content), descriptor)) {
        throwIfAborted(signal);
        yield chunk;
      }
    };
    await writeAtomically(this.#blobPath(descriptor), source);
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
      if ((await stat(file)).size > MAX_INDEX_SIZE)
        throw new OciError('ERR_OCI_SIZE_EXCEEDED', `${file} is larger than ${MAX_INDEX_SIZE} bytes`);
      const index = JSON.parse(await readFile(file, 'utf8')) as ImageIndex;
      if (!Array.isArray(index?.manifests) || !index.manifests.every(isDescriptor)) {
        throw new OciError('ERR_OCI_INVALID_LAYOUT', `${file} has no list of manifests`);
      }
      return index;
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new OciError('ERR_OCI_INVALID_LAYOUT', `${file} is not JSON`, { cause: error });
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

async function* readFileChunks(
  file: string,
  { signal }: CallOptions,
  [start, end]: readonly [number, number] | readonly [] = [],
): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, {
      ...(signal ? { signal } : {}),
      ...(start === undefined ? {} : { start, end }),
    }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throwIfAborted(signal);
    throw storageError(error, `reading ${file}`);
  }
}

/** Something in a foreign layout that only claims to be a manifest has no subject. */
function parseIfManifest(bytes: Uint8Array, entry: Descriptor): ReturnType<typeof parseManifest> | undefined {
  try {
    return parseManifest(bytes, entry);
  } catch {
    return undefined;
  }
}

function nameOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[ANNOTATION_REF_NAME];
}

function tagsOf(manifests: readonly Descriptor[]): string[] {
  return manifests.map(nameOf).filter((name) => name !== undefined);
}

function withoutRefName({ annotations, ...descriptor }: Descriptor): Descriptor {
  const rest = Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => key !== ANNOTATION_REF_NAME));
  return Object.keys(rest).length > 0 ? { ...descriptor, annotations: rest } : descriptor;
}
