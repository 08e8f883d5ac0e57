import { requireDigest } from './names.ts';

/** Everything is below this folder. */
export const REPOSITORIES = 'repositories';

/** Folder of what a repository holds of one kind; no component of a repository's name begins with an underscore. */
export function folderOf(repository: string, kind: 'blobs' | 'uploads' | 'manifests' | 'tags' | 'referrers'): string {
  return `${REPOSITORIES}/${repository}/_${kind}`;
}

/** Path of a blob. @throws {RegistryProblem} `DIGEST_INVALID`. */
export function blobPath(repository: string, digest: string): string {
  return `${folderOf(repository, 'blobs')}/${requireDigest(digest).replace(':', '/')}`;
}

/** Path of a manifest. @throws {RegistryProblem} `DIGEST_INVALID`. */
export function manifestPath(repository: string, digest: string): string {
  return `${folderOf(repository, 'manifests')}/${requireDigest(digest).replace(':', '-')}`;
}

/** Path of a tag, which was checked. */
export function tagPath(repository: string, tag: string): string {
  return `${folderOf(repository, 'tags')}/${tag}`;
}

/** Folder of the descriptors of manifests with a subject. */
export function referrersPath(repository: string, subject: string): string {
  return `${folderOf(repository, 'referrers')}/${requireDigest(subject).replace(':', '-')}`;
}

/** Digest of a file name that {@link manifestPath} made. */
export function digestOfName(name: string): string {
  return name.replace('-', ':');
}
