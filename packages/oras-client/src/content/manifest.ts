import {
  type Descriptor,
  type ImageIndex,
  type Manifest,
  MEDIA_TYPE_DOCKER_INDEX,
  MEDIA_TYPE_INDEX,
} from '../descriptor.ts';
import { parseDigest } from '../digest.ts';
import { OciError } from '../errors.ts';

/** Bound on the descriptors of one manifest, so that a hostile one cannot make a walk endless. */
const MAX_DESCRIPTORS = 10_000;

/**
 * Parses a manifest or index. What is checked is what walking the graph needs: shape, media type agreement (CVE-2021-41190), digests and
 * sizes of every descriptor.
 *
 * @throws {OciError} `ERR_OCI_INVALID_MANIFEST`.
 */
export function parseManifest(
  bytes: Uint8Array,
  descriptor: Pick<Descriptor, 'digest' | 'mediaType'>,
): Manifest | ImageIndex {
  const fail = (why: string, cause?: unknown): OciError =>
    new OciError('ERR_OCI_INVALID_MANIFEST', `manifest ${descriptor.digest} ${why}`, {
      cause,
      hint: 'Whoever pushed it must push it again with a tool that follows the OCI image specification.',
    });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw fail('is not JSON', error);
  }
  if (!isObject(value)) throw fail('is not a JSON object');
  if (value['schemaVersion'] !== 2)
    throw fail(`has schema version ${JSON.stringify(value['schemaVersion'])?.slice(0, 32)}, not 2`);
  if (value['mediaType'] !== undefined && value['mediaType'] !== descriptor.mediaType) {
    throw fail(
      `says it is ${JSON.stringify(value['mediaType']).slice(0, 128)}, but was served as ${descriptor.mediaType}`,
    );
  }
  if (value['layers'] !== undefined && value['manifests'] !== undefined) throw fail('has both layers and manifests');
  const isIndex = descriptor.mediaType === MEDIA_TYPE_INDEX || descriptor.mediaType === MEDIA_TYPE_DOCKER_INDEX;
  const list = value[isIndex ? 'manifests' : 'layers'];
  if (!Array.isArray(list) || list.length > MAX_DESCRIPTORS)
    throw fail(`has no list of ${isIndex ? 'manifests' : 'layers'}`);
  const descriptors: unknown[] = [...list];
  if (!isIndex) descriptors.push(value['config']);
  if (value['subject'] !== undefined) descriptors.push(value['subject']);
  if (!isOptionalText(value['artifactType'])) throw fail('has an artifact type that is not a media type');
  if (!isAnnotations(value['annotations'])) throw fail('has annotations that are not text');
  for (const candidate of descriptors) {
    if (!isDescriptor(candidate)) throw fail('has a malformed descriptor');
  }
  return { ...value, mediaType: descriptor.mediaType } as unknown as Manifest | ImageIndex;
}

/** Whether the manifest is an index. */
export function isIndexManifest(manifest: Manifest | ImageIndex): manifest is ImageIndex {
  return 'manifests' in manifest;
}

/** What a manifest points down to: config and layers, or manifests. */
export function successorsOf(manifest: Manifest | ImageIndex): Descriptor[] {
  return isIndexManifest(manifest) ? manifest.manifests : [manifest.config, ...manifest.layers];
}

/** The type of an artifact: `artifactType`, or else the config's media type (image-spec manifest.md). */
export function artifactTypeOf(manifest: Manifest | ImageIndex): string | undefined {
  return manifest.artifactType ?? (isIndexManifest(manifest) ? undefined : manifest.config.mediaType);
}

/** Whether a value is a usable descriptor. */
export function isDescriptor(value: unknown): value is Descriptor {
  if (!isObject(value)) return false;
  const { mediaType, digest, size } = value;
  if (!isOptionalText(value['artifactType']) || !isAnnotations(value['annotations'])) return false;
  if (typeof mediaType !== 'string' || mediaType === '' || mediaType.length > 255 || typeof digest !== 'string')
    return false;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return false;
  try {
    parseDigest(digest);
    return true;
  } catch {
    return false;
  }
}

function isOptionalText(value: unknown): boolean {
  return value === undefined || (typeof value === 'string' && value.length <= 255);
}

function isAnnotations(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return isObject(value) && Object.values(value).every((text) => typeof text === 'string');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
