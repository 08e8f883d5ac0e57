import type { CallOptions, ReadOnlyStorage } from './content/content.ts';
import { fetchBytes, fetchManifest } from './content/fetch.ts';
import { isIndexManifest } from './content/manifest.ts';
import { matchesPlatform, type PlatformFilter } from './copy-options.ts';
import { type Descriptor, type Manifest, type Platform } from './descriptor.ts';
import { OciError } from './errors.ts';
import { printable } from './printable.ts';

/** Indexes that are looked into. */
const MAX_INDEXES = 1_000;
/** An image's config names its platform (image-spec config.md). */
const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

/**
 * The manifest for a platform: the first fitting entry of an index, also of indexes inside it; or the manifest itself, where its image config
 * says that platform.
 *
 * @throws {OciError} `ERR_OCI_NOT_FOUND`, with the platforms that are there.
 */
export async function selectPlatform(
  storage: ReadOnlyStorage,
  root: Descriptor,
  wanted: PlatformFilter,
  options: CallOptions = {},
): Promise<Descriptor> {
  const seen = new Set<string>();
  const offered: string[] = [];
  const waiting = [root];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (seen.has(next.digest)) continue;
    seen.add(next.digest);
    if (seen.size > MAX_INDEXES) throw new OciError('ERR_OCI_LIMIT', `${root.digest} holds too many indexes`);
    const { manifest } = await fetchManifest(storage, next, options);
    if (!isIndexManifest(manifest)) {
      const platform = await platformOf(storage, manifest, options);
      if (matchesPlatform(platform, wanted)) return next;
      if (platform) offered.push(nameOf(platform));
      continue;
    }
    const found = manifest.manifests.find(({ platform }) => matchesPlatform(platform, wanted));
    if (found) return found;
    for (const entry of manifest.manifests) {
      if (entry.platform) offered.push(nameOf(entry.platform));
      else if (isIndex(entry)) waiting.push(entry);
    }
  }
  throw new OciError('ERR_OCI_NOT_FOUND', `${root.digest} has nothing for ${nameOf({ os: 'any system', ...wanted })}`, {
    hint: `It has: ${[...new Set(offered)].slice(0, 20).join(', ') || 'nothing with a platform'}`,
  });
}

function isIndex({ mediaType }: Descriptor): boolean {
  return mediaType.includes('.index.') || mediaType.includes('.list.');
}

async function platformOf(
  storage: ReadOnlyStorage,
  { config }: Manifest,
  options: CallOptions,
): Promise<Platform | undefined> {
  if (!IMAGE_CONFIGS.has(config.mediaType)) return undefined;
  try {
    const value = JSON.parse(new TextDecoder().decode(await fetchBytes(storage, config, options))) as Platform | null;
    return typeof value?.architecture === 'string' && typeof value.os === 'string' ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function nameOf({ os, architecture, variant }: Platform): string {
  return printable([os, architecture, ...(variant === undefined ? [] : [variant])].join('/'));
}
