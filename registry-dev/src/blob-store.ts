import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, type ReadStream } from 'node:fs';
import { link, mkdir, open, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { requireDigest } from './names.ts';
import { RegistryProblem } from './registry-problem.ts';

/** An upload, while nobody else can change it. */
export interface Upload {
  /** Bytes that it has. */
  size(): Promise<number>;
  /** Appends. @returns the new size. What arrived of a body that breaks off is kept, since a client may go on after it. */
  append(body: AsyncIterable<Uint8Array>): Promise<number>;
  /** Ends the upload: hashes what is there and makes it a blob. @throws {RegistryProblem} `DIGEST_INVALID`; the upload is then gone. */
  commit(digest: string): Promise<void>;
  /** Gives the upload up. */
  cancel(): Promise<void>;
}

/**
 * Blobs on the file system, content-addressed, each repository with its own; a mounted blob is a hard link to the other repository's.
 * Bytes become visible by a rename or link only after their digest is right, so that a killed process never serves a partial blob.
 */
export class BlobStore {
  readonly #root: string;
  /** Changes of uploads, each waiting for the one before: an upload that grew after it was hashed would be a wrong blob. */
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Size in bytes; `undefined` where the repository does not have the blob. */
  async size(repository: string, digest: string): Promise<number | undefined> {
    return sizeOf(this.#path(repository, digest));
  }

  /** Reads a blob, or the bytes `start` to `end` (inclusive) of it. */
  read(repository: string, digest: string, range?: { start: number; end: number }): ReadStream {
    return createReadStream(this.#path(repository, digest), range);
  }

  /** Makes a repository hold a blob of another one. @returns whether the other one has it. */
  async mount(from: string, to: string, digest: string): Promise<boolean> {
    const [source, target] = [this.#path(from, digest), this.#path(to, digest)];
    if ((await sizeOf(source)) === undefined) return false;
    await mkdir(dirname(target), { recursive: true });
    try {
      await link(source, target);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
      return code === 'EEXIST';
    }
  }

  /** Removes a blob from a repository. @returns whether it was there. */
  async delete(repository: string, digest: string): Promise<boolean> {
    try {
      await unlink(this.#path(repository, digest));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return false;
    }
  }

  /** Opens an upload. */
  async createUpload(repository: string): Promise<string> {
    const id = randomUUID();
    const path = this.#uploadPath(repository, id);
    await mkdir(dirname(path), { recursive: true });
    await (await open(path, 'wx', 0o600)).close();
    return id;
  }

  /** Bytes that an upload has. @throws {RegistryProblem} `BLOB_UPLOAD_UNKNOWN`. */
  async uploadSize(repository: string, id: string): Promise<number> {
    const size = await sizeOf(this.#uploadPath(repository, id));
    if (size === undefined) throw unknownUpload();
    return size;
  }

  /** Changes an upload, after other changes of it have ended. @throws {RegistryProblem} `BLOB_UPLOAD_UNKNOWN`. */
  async changeUpload<T>(repository: string, id: string, change: (upload: Upload) => Promise<T>): Promise<T> {
    const path = this.#uploadPath(repository, id);
    const turn = (this.#queues.get(path) ?? Promise.resolve()).then(async () => {
      await this.uploadSize(repository, id);
      return change(this.#upload(repository, id));
    });
    const settled = turn.catch(() => undefined);
    this.#queues.set(path, settled);
    try {
      return await turn;
    } finally {
      if (this.#queues.get(path) === settled) this.#queues.delete(path);
    }
  }

  /** Stores a blob at once. @throws {RegistryProblem} `DIGEST_INVALID`. Nothing is left of a body that breaks off. */
  async put(repository: string, digest: string, body: AsyncIterable<Uint8Array>): Promise<void> {
    const upload = this.#upload(repository, await this.createUpload(repository));
    try {
      await upload.append(body);
      await upload.commit(digest);
    } catch (error) {
      await upload.cancel();
      throw error;
    }
  }

  #upload(repository: string, id: string): Upload {
    const path = this.#uploadPath(repository, id);
    const cancel = (): Promise<void> => rm(path, { force: true });
    const commit = async (digest: string): Promise<void> => {
      const found = await hashFile(path, digest.split(':')[0] ?? '');
      if (found !== digest) {
        await cancel();
        throw new RegistryProblem('DIGEST_INVALID', `the bytes have digest ${found}, not ${digest}`);
      }
      const target = this.#path(repository, digest);
      await mkdir(dirname(target), { recursive: true });
      await rename(path, target);
    };
    return { size: () => this.uploadSize(repository, id), append: (body) => append(path, body), commit, cancel };
  }

  #path(repository: string, digest: string): string {
    const [algorithm = '', hex = ''] = requireDigest(digest).split(':');
    return join(this.#root, 'repositories', repository, '_blobs', algorithm, hex);
  }

  #uploadPath(repository: string, id: string): string {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw unknownUpload();
    return join(this.#root, 'repositories', repository, '_uploads', id);
  }
}

async function append(path: string, body: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, 'a');
  try {
    for await (const chunk of body) await file.writeFile(chunk);
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    return undefined;
  }
}

async function hashFile(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return `${algorithm}:${hash.digest('hex')}`;
}

function unknownUpload(): RegistryProblem {
  return new RegistryProblem('BLOB_UPLOAD_UNKNOWN', 'there is no such upload');
}
