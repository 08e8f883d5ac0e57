import type { Storage } from './content/content.ts';
import {
  type Descriptor,
  EMPTY_CONTENT,
  EMPTY_DESCRIPTOR,
  type Manifest,
  MEDIA_TYPE_EMPTY,
  MEDIA_TYPE_MANIFEST,
  plainDescriptor,
} from './descriptor.ts';
import { digestOf } from './digest.ts';
import { OciError } from './errors.ts';
import { printable } from './printable.ts';

/** A media type's name (RFC 6838, section 4.2). */
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/** What a manifest is made of. */
export interface PackOptions {
  artifactType: string;
  /** Default: the empty descriptor, whose blob is pushed. */
  config?: Descriptor;
  /** Default: the empty descriptor as the one layer. */
  layers?: Descriptor[];
  annotations?: Record<string, string>;
  /** What the artifact refers to. */
  subject?: Descriptor;
  signal?: AbortSignal;
}

/**
 * Writes an OCI 1.1 artifact manifest (image-spec manifest.md, "Guidelines for Artifact Usage") and pushes it. Equal options give equal
 * bytes: no clock is read and annotations are sorted. Blobs named must be pushed before; the empty blob is pushed here.
 *
 * @throws {OciError} `ERR_OCI_INVALID_MANIFEST` for an artifact type that is not a media type, and what the storage throws.
 */
export async function packManifest(storage: Storage, options: PackOptions): Promise<Descriptor> {
  const { descriptor, bytes } = buildManifest(options);
  const needsEmpty = options.config === undefined || !options.layers || options.layers.length === 0;
  if (needsEmpty && !(await storage.exists(EMPTY_DESCRIPTOR, options))) {
    await storage.push(EMPTY_DESCRIPTOR, EMPTY_CONTENT, options);
  }
  await storage.push(descriptor, bytes, options);
  return descriptor;
}

/** The manifest's bytes and descriptor, without pushing anything. */
export function buildManifest(options: PackOptions): { descriptor: Descriptor; bytes: Uint8Array; manifest: Manifest } {
  const { artifactType, config = EMPTY_DESCRIPTOR, subject, annotations = {} } = options;
  if (!MEDIA_TYPE.test(artifactType)) {
    throw new OciError('ERR_OCI_INVALID_MANIFEST', `"${printable(artifactType)}" is not a media type for an artifact`, {
      hint: 'An artifact type looks like application/vnd.example.thing.v1 (RFC 6838).',
    });
  }
  const layers = options.layers && options.layers.length > 0 ? options.layers : [EMPTY_DESCRIPTOR];
  const sorted = sortedKeys(annotations);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE_MANIFEST,
    artifactType,
    config: plainDescriptor(config),
    layers: layers.map((layer) => ({
      ...plainDescriptor(layer),
      ...(layer.annotations && layer.mediaType !== MEDIA_TYPE_EMPTY
        ? { annotations: sortedKeys(layer.annotations) }
        : {}),
    })),
    ...(subject === undefined ? {} : { subject: plainDescriptor(subject) }),
    ...(Object.keys(sorted).length > 0 ? { annotations: sorted } : {}),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  return {
    descriptor: { mediaType: MEDIA_TYPE_MANIFEST, digest: digestOf(bytes), size: bytes.length, artifactType },
    bytes,
    manifest,
  };
}

function sortedKeys(annotations: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)));
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
