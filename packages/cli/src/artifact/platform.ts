import {
  type Descriptor,
  fetchBytes,
  type FetchedReference,
  fetchManifest,
  fetchReference,
  isIndexManifest,
  parseManifest,
  type ReadOnlyTarget,
} from '@bpfship/oras-client';
import { CliError } from '../cli-error.ts';

/** Configs that state the platform of an image (image-spec config.md). */
const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

interface WantedPlatform {
  os: string;
  architecture: string | undefined;
  variant: string | undefined;
  version: string | undefined;
}

/**
 * Fetches the manifest that a reference names; with a platform, the one in an index that is for it.
 *
 * @param platform - `os[/arch][/variant][:os_version]`, as oras writes it.
 * @throws {CliError} `ERR_CLI_NOT_FOUND` where nothing is for the platform; {OciError}.
 */
export async function fetchForPlatform(
  target: ReadOnlyTarget,
  reference: string,
  { platform, signal }: { platform: string | undefined; signal: AbortSignal },
): Promise<FetchedReference> {
  const found = await fetchReference(target, reference, { signal });
  if (platform === undefined) return found;
  const wanted = parsePlatform(platform);
  const manifest = parseManifest(found.bytes, found.descriptor);
  if (isIndexManifest(manifest)) {
    const match = manifest.manifests.find((entry) => isFor(entry.platform, wanted));
    if (match === undefined) {
      throw notFound(
        reference,
        platform,
        manifest.manifests.map(({ platform: each }) => each),
      );
    }
    const descriptor = { mediaType: match.mediaType, digest: match.digest, size: match.size };
    return { descriptor, bytes: (await fetchManifest(target, descriptor, { signal })).bytes };
  }
  const own = IMAGE_CONFIGS.has(manifest.config.mediaType)
    ? platformOfConfig(await fetchBytes(target, manifest.config, { signal }))
    : undefined;
  if (isFor(own, wanted)) return found;
  throw notFound(reference, platform, [own]);
}

function parsePlatform(text: string): WantedPlatform {
  const [, os = '', architecture, variant, version] =
    /^([a-z0-9_.-]+)(?:\/([a-z0-9_.-]+))?(?:\/([a-z0-9_.-]+))?(?::([\w.-]+))?$/i.exec(text) ?? [];
  if (os !== '') return { os, architecture, variant, version };
  throw new CliError(
    'ERR_CLI_USAGE',
    `"${text.slice(0, 128)}" is not a platform`,
    'Write os/architecture, such as linux/arm64 or linux/arm/v7.',
  );
}

function isFor(platform: Descriptor['platform'], { os, architecture, variant, version }: WantedPlatform): boolean {
  if (typeof platform !== 'object' || platform === null || platform.os !== os) return false;
  return (
    (architecture === undefined || platform.architecture === architecture) &&
    (variant === undefined || platform.variant === variant) &&
    (version === undefined || platform['os.version'] === version)
  );
}

function platformOfConfig(bytes: Uint8Array): Descriptor['platform'] {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as NonNullable<Descriptor['platform']>;
  } catch {
    return undefined;
  }
}

function notFound(reference: string, platform: string, platforms: readonly Descriptor['platform'][]): CliError {
  const has = platforms
    .map((each) => (each?.os ? [each.os, each.architecture, each.variant].filter(Boolean).join('/') : undefined))
    .filter((name) => name !== undefined);
  return new CliError(
    'ERR_CLI_NOT_FOUND',
    `${reference} has nothing for the platform ${platform}`,
    has.length > 0
      ? `It has: ${[...new Set(has)].slice(0, 20).join(', ')}`
      : 'It states no platform; leave --platform out.',
  );
}
