import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from './atomic-file.ts';
import type { BlobStore } from './blob-store.ts';
import { describeReferrer, parseManifest, type ReferrerDescriptor } from './manifest-shape.ts';
import { isDigest, isTag } from './names.ts';
import { RegistryProblem } from './registry-problem.ts';

/** A manifest as it is stored. */
export interface StoredManifest {
  digest: string;
  mediaType: string;
  bytes: Uint8Array;
}

/** Manifests, tags and lists of referrers of all repositories, each in small files that are replaced by renames. */
export class ManifestStore {
  readonly #root: string;
  readonly #blobs: BlobStore;

  constructor(root: string, blobs: BlobStore) {
    this.#root = root;
    this.#blobs = blobs;
  }

  /** A manifest by tag or digest. @throws {RegistryProblem} `MANIFEST_UNKNOWN`, `NAME_UNKNOWN`. */
  async get(repository: string, reference: string): Promise<StoredManifest> {
    const digest = isDigest(reference) ? reference : await this.#readTag(repository, reference);
    const file = digest && (await readFile(this.#manifestPath(repository, digest)).catch(() => undefined));
    if (!digest || !file) {
      if (!(await this.exists(repository)))
        throw new RegistryProblem('NAME_UNKNOWN', `there is no repository ${repository}`);
      throw new RegistryProblem('MANIFEST_UNKNOWN', `there is no manifest ${reference}`);
    }
    // The first line is the media type that it was pushed with.
    const end = file.indexOf(0x0a);
    return { digest, mediaType: file.subarray(0, end).toString('utf8'), bytes: file.subarray(end + 1) };
  }

  /**
   * Stores a manifest and, where the reference is a tag, tags it.
   *
   * @returns its digest and its subject's.
   * @throws {RegistryProblem} `MANIFEST_INVALID`, `MANIFEST_BLOB_UNKNOWN`, `DIGEST_INVALID`.
   */
  async put(
    repository: string,
    reference: string,
    mediaType: string,
    bytes: Uint8Array,
  ): Promise<{ digest: string; subject: string | undefined }> {
    const manifest = parseManifest(bytes, mediaType);
    const algorithm = reference.startsWith('sha512:') ? 'sha512' : 'sha256';
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
    if (isDigest(reference) && reference !== digest) {
      throw new RegistryProblem('DIGEST_INVALID', `the manifest has digest ${digest}, not ${reference}`);
    }
    if (!isDigest(reference) && !isTag(reference))
      throw new RegistryProblem('MANIFEST_INVALID', 'neither a tag nor a digest');
    for (const part of manifest.blobs) {
      if ((await this.#blobs.size(repository, part)) === undefined)
        throw new RegistryProblem('MANIFEST_BLOB_UNKNOWN', `the repository does not have ${part}`);
    }
    const content = Buffer.concat([Buffer.from(`${mediaType}\n`), bytes]);
    await writeAtomically(this.#manifestPath(repository, digest), content);
    // A subject may be missing (distribution-spec, "Pushing Manifests with Subject").
    const { subject } = manifest;
    if (subject !== undefined) {
      const referrer = describeReferrer(manifest, { mediaType, digest, size: bytes.length });
      await writeAtomically(this.#referrerPath(repository, subject, digest), JSON.stringify(referrer));
    }
    if (isTag(reference)) await this.tag(repository, reference, digest);
    return { digest, subject };
  }

  /** Gives a stored manifest a tag, which may have been another one's. */
  async tag(repository: string, tag: string, digest: string): Promise<void> {
    await writeAtomically(this.#tagPath(repository, tag), digest);
  }

  /** Deletes a tag, or a manifest with its tags. @throws {RegistryProblem} `MANIFEST_UNKNOWN`. */
  async delete(repository: string, reference: string): Promise<void> {
    const stored = await this.get(repository, reference);
    if (isTag(reference)) {
      await rm(this.#tagPath(repository, reference), { force: true });
      return;
    }
    for (const tag of await this.tags(repository)) {
      if ((await this.#readTag(repository, tag)) === reference)
        await rm(this.#tagPath(repository, tag), { force: true });
    }
    const { subject } = parseManifest(stored.bytes, stored.mediaType);
    if (subject !== undefined) await rm(this.#referrerPath(repository, subject, reference), { force: true });
    await rm(this.#manifestPath(repository, reference), { force: true });
  }

  /** Tags in lexical order. */
  async tags(repository: string): Promise<string[]> {
    const names = await readdir(join(this.#root, 'repositories', repository, '_tags')).catch((): string[] => []);
    return names.filter(isTag).sort();
  }

  /** Manifests whose subject has this digest. */
  async referrers(repository: string, subject: string): Promise<ReferrerDescriptor[]> {
    const folder = this.#referrersPath(repository, subject);
    const names = await readdir(folder).catch((): string[] => []);
    // Names with a dot are being written; what is gone was deleted in the meantime.
    const texts = names
      .filter((name) => !name.startsWith('.'))
      .sort()
      .map((name) => readFile(join(folder, name), 'utf8').catch(() => undefined));
    return (await Promise.all(texts)).filter((text) => text !== undefined).map((text) => JSON.parse(text));
  }

  /** Whether the repository holds anything; an upload is nothing yet. */
  async exists(repository: string): Promise<boolean> {
    const names = await readdir(join(this.#root, 'repositories', repository)).catch((): string[] => []);
    return names.some(isContent);
  }

  /** All repositories in lexical order. */
  async repositories(): Promise<string[]> {
    const found = new Set<string>();
    const base = join(this.#root, 'repositories');
    const walk = async (folder: string, name: string): Promise<void> => {
      for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
        if (isContent(entry.name)) found.add(name);
        else if (entry.isDirectory() && !entry.name.startsWith('_'))
          await walk(join(folder, entry.name), name ? `${name}/${entry.name}` : entry.name);
      }
    };
    await walk(base, '');
    return [...found].sort();
  }

  async #readTag(repository: string, tag: string): Promise<string | undefined> {
    if (!isTag(tag)) return undefined;
    return readFile(this.#tagPath(repository, tag), 'utf8').catch(() => undefined);
  }

  #tagPath(repository: string, tag: string): string {
    return join(this.#root, 'repositories', repository, '_tags', tag);
  }

  #manifestPath(repository: string, digest: string): string {
    return join(this.#root, 'repositories', repository, '_manifests', digest.replace(':', '-'));
  }

  #referrersPath(repository: string, subject: string): string {
    return join(this.#root, 'repositories', repository, '_referrers', subject.replace(':', '-'));
  }

  #referrerPath(repository: string, subject: string, digest: string): string {
    return join(this.#referrersPath(repository, subject), digest.replace(':', '-'));
  }
}

/** Folders beside those of repositories with longer names; no component of a name begins like this. */
function isContent(name: string): boolean {
  return name.startsWith('_') && name !== '_uploads';
}
