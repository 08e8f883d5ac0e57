import { createHash, type Hash, randomUUID } from 'node:crypto';
import type { Files, OpenFile } from './files.ts';
import { blobPath, folderOf } from './paths.ts';
import { RegistryProblem } from './registry-problem.ts';
import { Turns } from './turns.ts';

/** An upload, while nobody else can change it. */
export interface Upload {
  /** Bytes that it has. */
  readonly size: number;
  /** Appends. @returns the new size. What arrived of a body that breaks off is kept, since a client may go on after it. */
  append(body: AsyncIterable<Uint8Array>): Promise<number>;
  /** Ends the upload: hashes what is there and makes it a blob. @throws {RegistryProblem} `DIGEST_INVALID`; the upload is then gone. */
  commit(digest: string): Promise<void>;
  /** Gives the upload up. */
  cancel(): Promise<void>;
}

/** The hash of an upload's first bytes, so that most are not read again at their end. */
interface RunningHash {
  hash: Hash;
  size: number;
}

/** Running hashes that are kept; an upload beyond them is read once more. */
const MAX_RUNNING = 1_000;

/**
 * Blobs, content-addressed, each repository with its own; a mounted blob is a second name of the other repository's. Bytes become visible
 * by a rename or link only after their digest is right, so that a killed process never serves a partial blob.
 */
export class BlobStore {
  readonly #files: Files;
  /** Changes of uploads: one that grew after it was hashed would be a wrong blob. */
  readonly #turns = new Turns();
  readonly #running = new Map<string, RunningHash>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** Size in bytes; `undefined` where the repository does not have the blob. */
  size(repository: string, digest: string): number | undefined {
    return this.#files.facts(blobPath(repository, digest))?.size;
  }

  /** Opens a blob; `undefined` where the repository does not have it. */
  open(repository: string, digest: string): OpenFile | undefined {
    return this.#files.open(blobPath(repository, digest));
  }

  /** Makes a repository hold a blob of another one. @returns whether the other one has it. */
  mount(from: string, to: string, digest: string): Promise<boolean> {
    return this.#files.link(blobPath(from, digest), blobPath(to, digest));
  }

  /** Removes a blob from a repository. @returns whether it was there. */
  delete(repository: string, digest: string): Promise<boolean> {
    return this.#files.remove(blobPath(repository, digest));
  }

  /** Opens an upload. */
  async createUpload(repository: string): Promise<string> {
    const id = randomUUID();
    const path = uploadPath(repository, id);
    await this.#files.create(path);
    this.#remember(path, { hash: createHash('sha256'), size: 0 });
    return id;
  }

  /** Bytes that an upload has. @throws {RegistryProblem} `BLOB_UPLOAD_UNKNOWN`. */
  uploadSize(repository: string, id: string): number {
    const facts = this.#files.facts(uploadPath(repository, id));
    if (facts === undefined) throw unknownUpload();
    return facts.size;
  }

  /** Changes an upload, after other changes of it have ended. @throws {RegistryProblem} `BLOB_UPLOAD_UNKNOWN`. */
  changeUpload<T>(repository: string, id: string, change: (upload: Upload) => Promise<T>): Promise<T> {
    return this.#turns.run(uploadPath(repository, id), () =>
      change(this.#upload(repository, id, this.uploadSize(repository, id))),
    );
  }

  /** Stores a blob at once. @throws {RegistryProblem} `DIGEST_INVALID`. Nothing is left of a body that breaks off. */
  async put(repository: string, digest: string, body: AsyncIterable<Uint8Array>): Promise<void> {
    const upload = this.#upload(repository, await this.createUpload(repository), 0);
    try {
      await upload.append(body);
      await upload.commit(digest);
    } catch (error) {
      await upload.cancel();
      throw error;
    }
  }

  #upload(repository: string, id: string, size: number): Upload {
    const path = uploadPath(repository, id);
    const cancel = async (): Promise<void> => {
      this.#running.delete(path);
      await this.#files.remove(path);
    };
    const commit = async (digest: string): Promise<void> => {
      const found = await this.#digest(path, digest.split(':')[0] ?? '');
      if (found !== digest) {
        await cancel();
        throw new RegistryProblem('DIGEST_INVALID', `the bytes have digest ${found}, not ${digest}`);
      }
      await this.#files.move(path, blobPath(repository, digest));
      this.#running.delete(path);
    };
    return { size, append: (body) => this.#append(path, body), commit, cancel };
  }

  async #append(path: string, body: AsyncIterable<Uint8Array>): Promise<number> {
    const running = this.#running.get(path);
    return this.#files.append(path, body, (part) => {
      if (!running) return;
      running.hash.update(part);
      running.size += part.length;
    });
  }

  async #digest(path: string, algorithm: string): Promise<string> {
    const running = this.#running.get(path);
    // After a write that failed in the middle the file has more than was hashed.
    if (algorithm === 'sha256' && running && running.size === this.#files.facts(path)?.size)
      return `sha256:${running.hash.copy().digest('hex')}`;
    const hash = createHash(algorithm);
    const content = this.#files.open(path)?.read();
    if (content === undefined) throw unknownUpload();
    if (content instanceof Uint8Array) hash.update(content);
    else for await (const part of content) hash.update(part as Uint8Array);
    return `${algorithm}:${hash.digest('hex')}`;
  }

  #remember(path: string, running: RunningHash): void {
    this.#running.set(path, running);
    const [oldest] = this.#running.keys();
    if (this.#running.size > MAX_RUNNING && oldest !== undefined) this.#running.delete(oldest);
  }
}

function uploadPath(repository: string, id: string): string {
  if (!/^[0-9a-f-]{36}$/.test(id)) throw unknownUpload();
  return `${folderOf(repository, 'uploads')}/${id}`;
}

function unknownUpload(): RegistryProblem {
  return new RegistryProblem('BLOB_UPLOAD_UNKNOWN', 'there is no such upload');
}
