import type { Storage } from './content/content.ts';
import {
  type Descriptor,
  EMPTY_CONTENT,
  EMPTY_DESCRIPTOR,
  type ImageIndex,
  type Manifest,
  MAX_MANIFEST_SIZE,
  MEDIA_TYPE_EMPTY,
  MEDIA_TYPE_INDEX,
  MEDIA_TYPE_MANIFEST,
  plainDescriptor,
} from './descriptor.ts';
import { digestOf } from './digest.ts';
import { OciError } from './errors.ts';
import { printable } from './printable.ts';

/** A media type's name (RFC 6838, section 4.2). */
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;
/** Artifact type of a manifest of version 1.0 that names none (oras-go `MediaTypeUnknownConfig`). */
export const MEDIA_TYPE_UNKNOWN_CONFIG = 'application/vnd.unknown.config.v1+json';
/** When a manifest was made (image-spec annotations.md). */
export const ANNOTATION_CREATED = 'org.opencontainers.image.created';

/** Which image-spec a manifest follows, as oras-go's `PackManifestVersion`. */
export type PackManifestVersion = '1.0' | '1.1';

/** What a manifest is made of. */
export interface PackOptions {
  /**
   * `1.1` has `artifactType` and `subject`. `1.0` says its type by the config's media type, for registries that know no other way; it has no
   * subject. Default: `1.1`.
   */
  version?: PackManifestVersion;
  /** Required in version 1.1, unless a config of another media type than the empty one says what it is. */
  artifactType?: string;
  /** Default: in version 1.1 the empty descriptor, in 1.0 `{}` under the artifact type; the blob is pushed. */
  config?: Descriptor;
  /** Annotations of the default config. */
  configAnnotations?: Record<string, string>;
  /** Default: in version 1.1 the empty descriptor as the one layer, in 1.0 none. */
  layers?: readonly Descriptor[];
  annotations?: Record<string, string>;
  /** What the artifact refers to. */
  subject?: Descriptor;
  /**
   * Writes the annotation `org.opencontainers.image.created`. `now` is the time of SOURCE_DATE_EPOCH, where the environment has it. Default:
   * no time is written, so that equal content has equal digests.
   */
  created?: Date | 'now';
  signal?: AbortSignal;
}

/** A document that is ready to be pushed. */
export interface BuiltManifest<T> {
  descriptor: Descriptor;
  bytes: Uint8Array;
  manifest: T;
}

/**
 * Writes an artifact's manifest (image-spec manifest.md, "Guidelines for Artifact Usage") and pushes it. Equal options give equal bytes: no
 * clock is read unless asked, and annotations are sorted. Blobs named must be pushed before; the default config and layer are pushed here.
 *
 * @throws {OciError} `ERR_OCI_INVALID_MANIFEST` for what the version does not allow, and what the storage throws.
 */
export async function packManifest(storage: Storage, options: PackOptions): Promise<Descriptor> {
  const { descriptor, bytes, manifest } = buildManifest(options);
  const defaults = [
    ...(options.config === undefined ? [plainDescriptor(manifest.config)] : []),
    ...(manifest.layers[0]?.mediaType === MEDIA_TYPE_EMPTY ? [EMPTY_DESCRIPTOR] : []),
  ];
  for (const empty of new Map(defaults.map((item) => [item.digest, item])).values())
    if (!(await storage.exists(empty, options))) await storage.push(empty, EMPTY_CONTENT, options);
  await storage.push(descriptor, bytes, options);
  return descriptor;
}

/** The manifest's bytes and descriptor, without pushing anything. @throws {OciError} `ERR_OCI_INVALID_MANIFEST`. */
export function buildManifest(options: PackOptions): BuiltManifest<Manifest> {
  const { version = '1.1', subject } = options;
  const artifactType = checkArtifactType(options, version);
  const config = configOf(options, version);
  const layers = options.layers && options.layers.length > 0 ? options.layers : [EMPTY_DESCRIPTOR];
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE_MANIFEST,
    ...(version === '1.1' && artifactType !== undefined ? { artifactType } : {}),
    config,
    layers: version === '1.0' && !options.layers?.length ? [] : layers.map(partDescriptor),
    ...commonParts(subject, options),
  };
  return built(manifest, version === '1.0' ? config.mediaType : artifactType);
}

/** What an index is made of. */
export interface PackIndexOptions extends Pick<PackOptions, 'annotations' | 'subject' | 'created' | 'signal'> {
  artifactType?: string;
  /** Manifests and indexes, in the order in which they are to stand; their platform, annotations and artifact types are kept. */
  manifests: readonly Descriptor[];
}

/**
 * Writes an image index (image-spec image-index.md) and pushes it. The manifests must be pushed before; indexes may be among them.
 *
 * @throws {OciError} `ERR_OCI_INVALID_MANIFEST`, and what the storage throws.
 */
export async function packIndex(storage: Storage, options: PackIndexOptions): Promise<Descriptor> {
  const { artifactType, manifests, subject } = options;
  if (artifactType !== undefined) checkMediaType(artifactType, 'an artifact');
  const index: ImageIndex = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE_INDEX,
    ...(artifactType === undefined ? {} : { artifactType }),
    manifests: manifests.map((entry) => ({
      ...partDescriptor(entry),
      ...(entry.platform === undefined ? {} : { platform: entry.platform }),
      ...(entry.artifactType === undefined ? {} : { artifactType: entry.artifactType }),
    })),
    ...commonParts(subject, options),
  };
  const { descriptor, bytes } = built(index, artifactType);
  await storage.push(descriptor, bytes, options);
  return descriptor;
}

/** Pushes bytes as a blob, where the target lacks them. */
export async function pushBytes(
  storage: Storage,
  mediaType: string,
  bytes: Uint8Array,
  options: { annotations?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Descriptor> {
  const descriptor: Descriptor = {
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
    ...(options.annotations ? { annotations: options.annotations } : {}),
  };
  if (!(await storage.exists(descriptor, options))) await storage.push(descriptor, bytes, options);
  return descriptor;
}

function checkArtifactType(
  { artifactType, config, subject }: PackOptions,
  version: PackManifestVersion,
): string | undefined {
  if (version === '1.0' && subject !== undefined)
    throw invalid('a manifest of version 1.0 has no subject', 'Leave the subject out, or pack version 1.1.');
  if (config !== undefined) checkMediaType(config.mediaType, 'a config');
  if (artifactType !== undefined) checkMediaType(artifactType, 'an artifact');
  else if (version === '1.1' && (config === undefined || config.mediaType === MEDIA_TYPE_EMPTY))
    throw invalid('a manifest with an empty config needs an artifact type', 'Say what the artifact is: artifactType.');
  return artifactType;
}

function configOf({ config, artifactType, configAnnotations }: PackOptions, version: PackManifestVersion): Descriptor {
  if (config !== undefined) return plainDescriptor(config);
  const mediaType = version === '1.0' ? (artifactType ?? MEDIA_TYPE_UNKNOWN_CONFIG) : MEDIA_TYPE_EMPTY;
  return {
    ...EMPTY_DESCRIPTOR,
    mediaType,
    ...(configAnnotations === undefined ? {} : { annotations: sortedKeys(configAnnotations) }),
  };
}

/** Registries with strict JSON refuse in a descriptor what they do not expect there. */
function partDescriptor(descriptor: Descriptor): Descriptor {
  const { annotations, mediaType } = descriptor;
  return {
    ...plainDescriptor(descriptor),
    ...(annotations && mediaType !== MEDIA_TYPE_EMPTY ? { annotations: sortedKeys(annotations) } : {}),
  };
}

function commonParts(
  subject: Descriptor | undefined,
  { annotations = {}, created }: Pick<PackOptions, 'annotations' | 'created'>,
): Pick<Manifest, 'subject' | 'annotations'> {
  const time =
    created === undefined ? {} : { [ANNOTATION_CREATED]: timeOf(created).toISOString().replace('.000Z', 'Z') };
  const sorted = sortedKeys({ ...time, ...annotations });
  return {
    ...(subject === undefined ? {} : { subject: plainDescriptor(subject) }),
    ...(Object.keys(sorted).length > 0 ? { annotations: sorted } : {}),
  };
}

/** SOURCE_DATE_EPOCH: seconds since 1970 (reproducible-builds.org). */
function timeOf(created: Date | 'now'): Date {
  const epoch = process.env['SOURCE_DATE_EPOCH'];
  const time = created !== 'now' ? created : epoch === undefined || epoch === '' ? new Date() : secondsOf(epoch);
  if (Number.isNaN(time.getTime())) throw invalid('the time of creation is none', 'Give a time that exists.');
  return time;
}

function secondsOf(epoch: string): Date {
  if (/^\d{1,12}$/.test(epoch)) return new Date(Number(epoch) * 1000);
  throw invalid(
    `SOURCE_DATE_EPOCH is "${printable(epoch.slice(0, 64))}", which is no number of seconds`,
    'Set it to seconds since 1970, or unset it.',
  );
}

function built<T extends Manifest | ImageIndex>(manifest: T, artifactType: string | undefined): BuiltManifest<T> {
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  if (bytes.length > MAX_MANIFEST_SIZE) {
    throw invalid(
      `the manifest would have ${bytes.length} bytes; registries take ${MAX_MANIFEST_SIZE}`,
      'Put fewer parts or shorter annotations into it.',
    );
  }
  return {
    descriptor: {
      mediaType: manifest.mediaType,
      digest: digestOf(bytes),
      size: bytes.length,
      ...(artifactType === undefined ? {} : { artifactType }),
    },
    bytes,
    manifest,
  };
}

function checkMediaType(mediaType: string, of: string): void {
  if (MEDIA_TYPE.test(mediaType)) return;
  throw invalid(
    `"${printable(mediaType)}" is not a media type for ${of}`,
    'A media type looks like application/vnd.example.thing.v1 (RFC 6838).',
  );
}

function invalid(message: string, hint: string): OciError {
  return new OciError('ERR_OCI_INVALID_MANIFEST', message, { hint });
}

function sortedKeys(annotations: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)));
}
