import { hash } from 'node:crypto';
import type { BlobStore } from './blob-store.ts';
import type { Files } from './files.ts';
import { describeReferrer, parseManifest, type ReferrerDescriptor } from './manifest-shape.ts';
import { isDigest, isTag } from './names.ts';
import { digestOfName, folderOf, manifestPath, referrersPath, REPOSITORIES, tagPath } from './paths.ts';
import { RegistryProblem } from './registry-problem.ts';
import { Turns } from './turns.ts';

/** A manifest as it is stored. */
export interface StoredManifest {
  digest: string;
  mediaType: string;
  bytes: Uint8Array;
}

/** A manifest as it is pushed. */
export interface PushedManifest {
  mediaType: string;
  bytes: Uint8Array;
  /** Further tags. */
  tags?: readonly string[];
}

/**
 * Manifests, tags and lists of referrers of all repositories, each in small files that are replaced in one step. A manifest's descriptor
 * among the referrers is written before it and counts only where it is there, so that a kill between the two loses nothing.
 */
export class ManifestStore {
  readonly #files: Files;
  readonly #blobs: BlobStore;
  /** Whether a manifest's blobs must be there. */
  readonly #complete: boolean;
  /** Changes of a repository's manifests, and the collection of its garbage. */
  readonly turns: Turns = new Turns();

  constructor(files: Files, blobs: BlobStore, options: { complete: boolean } = { complete: true }) {
    this.#files = files;
    this.#blobs = blobs;
    this.#complete = options.complete;
  }

  /** A manifest by tag or digest. @throws {RegistryProblem} `MANIFEST_UNKNOWN`, `NAME_UNKNOWN`. */
  get(repository: string, reference: string): StoredManifest {
    const digest = isDigest(reference) ? reference : this.tagged(repository, reference);
    const file = digest && this.#files.read(manifestPath(repository, digest));
    if (!digest || !file) {
      if (!this.exists(repository)) throw new RegistryProblem('NAME_UNKNOWN', `there is no repository ${repository}`);
      throw new RegistryProblem('MANIFEST_UNKNOWN', `there is no manifest ${reference}`);
    }
    // The first line is the media type that it was pushed with.
    const end = file.indexOf(0x0a);
    return { digest, mediaType: file.toString('utf8', 0, end), bytes: file.subarray(end + 1) };
  }

  /**
   * Stores a manifest and gives it tags.
   *
   * @param reference - a tag, or the digest that the manifest has to have.
   * @returns its digest and its subject's.
   * @throws {RegistryProblem} `MANIFEST_INVALID`, `MANIFEST_BLOB_UNKNOWN`, `DIGEST_INVALID`.
   */
  put(repository: string, reference: string, pushed: PushedManifest): Promise<{ digest: string; subject?: string }> {
    const { bytes, mediaType, tags = [] } = pushed;
    const manifest = parseManifest(bytes, mediaType);
    const algorithm = reference.startsWith('sha512:') ? 'sha512' : 'sha256';
    const digest = `${algorithm}:${hash(algorithm, bytes, 'hex')}`;
    if (isDigest(reference) && reference !== digest) {
      throw new RegistryProblem('DIGEST_INVALID', `the manifest has digest ${digest}, not ${reference}`);
    }
    if (!isDigest(reference) && !isTag(reference))
      throw new RegistryProblem('MANIFEST_INVALID', 'neither a tag nor a digest');
    return this.turns.run(repository, async () => {
      this.#requireBlobs(repository, manifest.blobs);
      const { subject } = manifest;
      // A subject may be missing (distribution-spec, "Pushing Manifests with Subject").
      if (subject !== undefined) {
        const referrer = describeReferrer(manifest, { mediaType, digest, size: bytes.length });
        await this.#files.replace(referrerPath(repository, subject, digest), JSON.stringify(referrer));
      }
      await this.#files.replace(
        manifestPath(repository, digest),
        Buffer.concat([Buffer.from(`${mediaType}\n`), bytes]),
      );
      for (const tag of isTag(reference) ? [reference, ...tags] : tags)
        await this.#files.replace(tagPath(repository, tag), digest);
      return { digest, ...(subject === undefined ? {} : { subject }) };
    });
  }

  /** Deletes a tag, or a manifest with its tags. @throws {RegistryProblem} `MANIFEST_UNKNOWN`. */
  delete(repository: string, reference: string): Promise<void> {
    return this.turns.run(repository, async () => {
      const stored = this.get(repository, reference);
      if (isTag(reference)) await this.#files.remove(tagPath(repository, reference));
      else await this.remove(repository, stored);
    });
  }

  /** Removes a manifest, its tags and its descriptor among the referrers. The caller has the repository's turn. */
  async remove(repository: string, { digest, bytes, mediaType }: StoredManifest): Promise<void> {
    for (const tag of this.tags(repository))
      if (this.tagged(repository, tag) === digest) await this.#files.remove(tagPath(repository, tag));
    await this.#files.remove(manifestPath(repository, digest));
    const { subject } = parseManifest(bytes, mediaType);
    if (subject !== undefined) await this.#files.remove(referrerPath(repository, subject, digest));
  }

  /** Tags in lexical order. */
  tags(repository: string): string[] {
    return this.#files.list(folderOf(repository, 'tags')).filter(isTag).sort();
  }

  /** Digests of all manifests. */
  digests(repository: string): string[] {
    return this.#files.list(folderOf(repository, 'manifests')).map(digestOfName).filter(isDigest).sort();
  }

  /** Digest of a tag; `undefined` where it is none. */
  tagged(repository: string, tag: string): string | undefined {
    const digest = isTag(tag) ? this.#files.read(tagPath(repository, tag))?.toString('utf8') : undefined;
    return digest !== undefined && isDigest(digest) ? digest : undefined;
  }

  /** Manifests whose subject has this digest, in the order of their digests. */
  referrers(repository: string, subject: string): ReferrerDescriptor[] {
    const folder = referrersPath(repository, subject);
    // Names with a dot are being written; a descriptor without its manifest is what a kill left.
    return this.#files
      .list(folder)
      .filter((name) => isDigest(digestOfName(name)))
      .sort()
      .filter((name) => this.#files.facts(manifestPath(repository, digestOfName(name))) !== undefined)
      .map((name) => this.#files.read(`${folder}/${name}`))
      .filter((text) => text !== undefined)
      .map((text) => JSON.parse(text.toString('utf8')) as ReferrerDescriptor);
  }

  /** Whether the repository holds anything; an upload is nothing yet. */
  exists(repository: string): boolean {
    return this.#files.list(`${REPOSITORIES}/${repository}`).some(isContent);
  }

  /** All repositories in lexical order. */
  repositories(): string[] {
    const found: string[] = [];
    const walk = (name: string): void => {
      const entries = this.#files.list(name ? `${REPOSITORIES}/${name}` : REPOSITORIES);
      if (entries.some(isContent)) found.push(name);
      for (const entry of entries) if (!entry.startsWith('_')) walk(name ? `${name}/${entry}` : entry);
    };
    walk('');
    return found.sort();
  }

  #requireBlobs(repository: string, digests: readonly string[]): void {
    const missing = this.#complete
      ? digests.find((digest) => this.#blobs.size(repository, digest) === undefined)
      : undefined;
    if (missing !== undefined)
      throw new RegistryProblem('MANIFEST_BLOB_UNKNOWN', `the repository does not have ${missing}`, {}, missing);
  }
}

function referrerPath(repository: string, subject: string, digest: string): string {
  return `${referrersPath(repository, subject)}/${digest.replace(':', '-')}`;
}

/** Folders beside those of repositories with longer names; no component of a name begins like this. */
function isContent(name: string): boolean {
  return name.startsWith('_') && name !== '_uploads';
}
