import { z } from 'zod';
import { ANNOTATION_ARTIFACT_TYPE, ANNOTATION_TITLE } from './annotations.ts';
import { parseBtfIndex } from './btf-index-schema.ts';
import type { BtfIndex, Variant } from './btf-index.ts';
import { compatibleMediaType, imageLayerType, isCompatibleForm, WRAPPED_FILE_NAMES } from './compatible-form.ts';
import { DocumentError } from './document-error.ts';
import { MAX_BTF_INDEX_SIZE, MAX_MANIFEST_SIZE, MAX_TAR_OVERHEAD, MAX_VARIANT_LAYER_SIZE } from './limits.ts';
import {
  ARTIFACT_TYPE_SERVICE,
  MEDIA_TYPE_BTF_INDEX,
  MEDIA_TYPE_IMAGE_CONFIG,
  MEDIA_TYPE_OCI_MANIFEST,
  VARIANT_MEDIA_TYPES,
} from './media-types.ts';
import { parseDocument } from './parse-document.ts';
import { Digest } from './primitives.ts';
import { readSingleFile } from './single-file-tar.ts';

/** The largest blob that may hold a BTF index, in bytes. */
export const MAX_INDEX_BLOB_SIZE: number = MAX_BTF_INDEX_SIZE + MAX_TAR_OVERHEAD;

/** An OCI content descriptor (image-spec descriptor.md), as far as packages use it. */
export interface ServiceDescriptor {
  mediaType: string;
  digest: string;
  /** In bytes. */
  size: number;
  annotations?: Record<string, string>;
}

/**
 * Manifest of a package, as it stands: in the standard form (spec/artifact.md, "Manifest") or in the compatible one
 * (spec/compatible-form.md). {@link indexBlob} and {@link serviceLayers} tell what it means in either.
 */
export interface ServiceManifest {
  schemaVersion: 2;
  mediaType: 'application/vnd.oci.image.manifest.v1+json';
  /** Absent in the compatible form. */
  artifactType?: 'application/vnd.ebpf.service.v1';
  config: ServiceDescriptor;
  layers: ServiceDescriptor[];
  annotations?: Record<string, string>;
}

const Annotations = z.record(z.string().min(1).max(256), z.string().max(16_384));

const DescriptorSchema = z.looseObject({
  mediaType: z.string().min(1).max(255),
  digest: Digest,
  size: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  annotations: Annotations.exactOptional(),
});

const MANIFEST = { schemaVersion: z.literal(2), mediaType: z.literal(MEDIA_TYPE_OCI_MANIFEST) };

/** Schema of a package manifest in the standard form. */
const StandardSchema: z.ZodType<ServiceManifest> = z
  .looseObject({
    ...MANIFEST,
    artifactType: z.literal(ARTIFACT_TYPE_SERVICE),
    config: DescriptorSchema.extend({
      mediaType: z.literal(MEDIA_TYPE_BTF_INDEX),
      size: z.number().int().min(1).max(MAX_BTF_INDEX_SIZE),
    }),
    layers: z.array(DescriptorSchema).min(1).max(1024),
    annotations: Annotations.exactOptional(),
  })
  .check(checkLayers);

/** Schema of a package manifest in the compatible form. */
const CompatibleSchema: z.ZodType<ServiceManifest> = z
  .looseObject({
    ...MANIFEST,
    artifactType: z.never().exactOptional(),
    config: DescriptorSchema.extend({ mediaType: z.literal(MEDIA_TYPE_IMAGE_CONFIG) }),
    layers: z.array(DescriptorSchema).min(2).max(1025),
    annotations: z
      .object({ [ANNOTATION_ARTIFACT_TYPE]: z.literal(ARTIFACT_TYPE_SERVICE) })
      .catchall(z.string().max(16_384)),
  })
  .check(checkLayers)
  .check(checkWrapping);

/** Schema of a package manifest. */
export const ServiceManifestSchema: z.ZodType<ServiceManifest> = z.union([StandardSchema, CompatibleSchema]);

type Check = z.core.ParsePayload<{ layers: ServiceDescriptor[] }>;

function checkLayers({ value, issues }: Check): void {
  const titles = new Set<string>();
  for (const [i, layer] of value.layers.entries()) {
    const report = (message: string): void => {
      issues.push({ code: 'custom', path: ['layers', i], message, input: layer });
    };
    const title = layer.annotations?.[ANNOTATION_TITLE];
    if (title === undefined) report(`needs the annotation ${ANNOTATION_TITLE}`);
    else if (titles.has(title)) report(`repeats the title "${title}"`);
    else titles.add(title);
    if (VARIANT_MEDIA_TYPES.includes(compatibleMediaType(layer)) && layer.size > MAX_VARIANT_LAYER_SIZE) {
      report(`has ${layer.size} bytes; a variant layer has at most ${MAX_VARIANT_LAYER_SIZE}`);
    }
  }
}

/** The index comes first, and each layer is the image layer that its content travels as. */
function checkWrapping({ value, issues }: Check): void {
  for (const [i, layer] of value.layers.entries()) {
    const report = (message: string): void => {
      issues.push({ code: 'custom', path: ['layers', i], message, input: layer });
    };
    const type = compatibleMediaType(layer);
    if ((type === MEDIA_TYPE_BTF_INDEX) !== (i === 0)) report('the BTF index is the first layer, and no other');
    else if (i === 0 && layer.size > MAX_INDEX_BLOB_SIZE)
      report(`has ${layer.size} bytes; a BTF index in a tar has at most ${MAX_INDEX_BLOB_SIZE}`);
    if (type !== layer.mediaType && layer.mediaType !== imageLayerType(type))
      report(`has media type ${layer.mediaType}; ${type} travels as ${imageLayerType(type)}`);
  }
}

/**
 * Reads and checks the manifest of a package, in either form.
 *
 * @throws {DocumentError} `ERR_MANIFEST_NOT_A_SERVICE` for a manifest of something else, else with every broken rule named.
 */
export function parseServiceManifest(input: Uint8Array | string | object): ServiceManifest {
  const kind = { name: 'package manifest', maxSize: MAX_MANIFEST_SIZE };
  const value = parseDocument(input, { ...kind, schema: z.looseObject({}) });
  if (isCompatibleService(value)) return parseDocument(value, { ...kind, schema: CompatibleSchema });
  const artifactType = value['artifactType'];
  if (artifactType !== ARTIFACT_TYPE_SERVICE) {
    const found = typeof artifactType === 'string' ? `artifact type ${artifactType.slice(0, 128)}` : 'no artifact type';
    throw new DocumentError(
      'ERR_MANIFEST_NOT_A_SERVICE',
      'package manifest',
      `the manifest is not an eBPF service: it has ${found}, not ${ARTIFACT_TYPE_SERVICE}`,
      { hint: 'Check the reference; "bpfship inspect REFERENCE" shows what it names.' },
    );
  }
  return parseDocument(value, { ...kind, schema: StandardSchema });
}

/** Whether a parsed manifest is one of a package, in either form, by its own word. */
export function isServiceManifest(manifest: { artifactType?: unknown; annotations?: unknown }): boolean {
  return manifest.artifactType === ARTIFACT_TYPE_SERVICE || isCompatibleService(manifest);
}

function isCompatibleService({
  artifactType,
  annotations,
}: {
  artifactType?: unknown;
  annotations?: unknown;
}): boolean {
  if (artifactType !== undefined || typeof annotations !== 'object' || annotations === null) return false;
  return (annotations as Record<string, unknown>)[ANNOTATION_ARTIFACT_TYPE] === ARTIFACT_TYPE_SERVICE;
}

/** The blob that holds the BTF index: the config, or in the compatible form the first layer. {@link parseIndexBlob} reads it. */
export function indexBlob(manifest: ServiceManifest): ServiceDescriptor {
  const first = isCompatibleForm(manifest) ? manifest.layers[0] : undefined;
  return first ?? manifest.config;
}

/**
 * The BTF index in the blob that {@link indexBlob} names.
 *
 * @param blob - at most {@link MAX_INDEX_BLOB_SIZE} bytes.
 * @throws {DocumentError} where the blob is not a tar of the index alone in the compatible form, or the index breaks the standard.
 */
export function parseIndexBlob(manifest: ServiceManifest, blob: Uint8Array): BtfIndex {
  if (!isCompatibleForm(manifest)) return parseBtfIndex(blob);
  let bytes: Uint8Array;
  try {
    bytes = readSingleFile(blob, WRAPPED_FILE_NAMES[MEDIA_TYPE_BTF_INDEX] ?? '');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DocumentError('ERR_DOCUMENT_INVALID', 'BTF index', `the layer of the BTF index is unusable: ${reason}`, {
      issues: [{ path: 'layers[0]', message: reason }],
      cause,
    });
  }
  return parseBtfIndex(bytes);
}

/** The layers of the service, with the media types of their content, without the one that carries the BTF index in the compatible form. */
export function serviceLayers(manifest: ServiceManifest): ServiceDescriptor[] {
  if (!isCompatibleForm(manifest)) return manifest.layers;
  return manifest.layers.slice(1).map((layer) => ({ ...layer, mediaType: compatibleMediaType(layer) }));
}

/**
 * The layer of a variant.
 *
 * @throws {DocumentError} `ERR_MANIFEST_INCONSISTENT` where the manifest has no layer of that digest with a variant media type.
 */
export function variantLayer(manifest: ServiceManifest, variant: Variant): ServiceDescriptor {
  const layer = serviceLayers(manifest).find(({ digest }) => digest === variant.layer);
  if (layer && VARIANT_MEDIA_TYPES.includes(layer.mediaType)) return layer;
  throw new DocumentError(
    'ERR_MANIFEST_INCONSISTENT',
    'package manifest',
    layer
      ? `layer ${variant.layer} of variant "${variant.name}" has media type ${layer.mediaType}, which is not a variant's`
      : `the manifest has no layer ${variant.layer}, which the BTF index names for variant "${variant.name}"`,
  );
}

/**
 * Checks what manifest and BTF index say together: every variant has its layer (spec/artifact.md, "Consistency").
 *
 * @throws {DocumentError} `ERR_MANIFEST_INCONSISTENT`.
 */
export function checkPackage(manifest: ServiceManifest, index: BtfIndex): void {
  for (const variant of index.variants) variantLayer(manifest, variant);
}
