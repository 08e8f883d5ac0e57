import { z } from 'zod';
import { ANNOTATION_TITLE } from './annotations.ts';
import type { BtfIndex, Variant } from './btf-index.ts';
import { DocumentError } from './document-error.ts';
import { MAX_BTF_INDEX_SIZE, MAX_MANIFEST_SIZE, MAX_VARIANT_LAYER_SIZE } from './limits.ts';
import {
  ARTIFACT_TYPE_SERVICE,
  MEDIA_TYPE_BTF_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
  VARIANT_MEDIA_TYPES,
} from './media-types.ts';
import { parseDocument } from './parse-document.ts';
import { Digest } from './primitives.ts';

/** An OCI content descriptor (image-spec descriptor.md), as far as packages use it. */
export interface ServiceDescriptor {
  mediaType: string;
  digest: string;
  /** In bytes. */
  size: number;
  annotations?: Record<string, string>;
}

/** Manifest of a package (spec/artifact.md, "Manifest"). */
export interface ServiceManifest {
  schemaVersion: 2;
  mediaType: 'application/vnd.oci.image.manifest.v1+json';
  artifactType: 'application/vnd.ebpf.service.v1';
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

/** Schema of a package manifest. */
export const ServiceManifestSchema: z.ZodType<ServiceManifest> = z
  .looseObject({
    schemaVersion: z.literal(2),
    mediaType: z.literal(MEDIA_TYPE_OCI_MANIFEST),
    artifactType: z.literal(ARTIFACT_TYPE_SERVICE),
    config: DescriptorSchema.extend({
      mediaType: z.literal(MEDIA_TYPE_BTF_INDEX),
      size: z.number().int().min(1).max(MAX_BTF_INDEX_SIZE),
    }),
    layers: z.array(DescriptorSchema).min(1).max(1024),
    annotations: Annotations.exactOptional(),
  })
  .check((ctx) => {
    const titles = new Set<string>();
    for (const [i, layer] of ctx.value.layers.entries()) {
      const report = (message: string): void => {
        ctx.issues.push({ code: 'custom', path: ['layers', i], message, input: layer });
      };
      const title = layer.annotations?.[ANNOTATION_TITLE];
      if (title === undefined) report(`needs the annotation ${ANNOTATION_TITLE}`);
      else if (titles.has(title)) report(`repeats the title "${title}"`);
      else titles.add(title);
      if (VARIANT_MEDIA_TYPES.includes(layer.mediaType) && layer.size > MAX_VARIANT_LAYER_SIZE) {
        report(`has ${layer.size} bytes; a variant layer has at most ${MAX_VARIANT_LAYER_SIZE}`);
      }
    }
  });

/**
 * Reads and checks the manifest of a package.
 *
 * @throws {DocumentError} `ERR_MANIFEST_NOT_A_SERVICE` for a manifest of something else, else with every broken rule named.
 */
export function parseServiceManifest(input: Uint8Array | string | object): ServiceManifest {
  const value = parseDocument(input, {
    name: 'package manifest',
    schema: z.looseObject({}),
    maxSize: MAX_MANIFEST_SIZE,
  });
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
  return parseDocument(value, { name: 'package manifest', schema: ServiceManifestSchema, maxSize: MAX_MANIFEST_SIZE });
}

/**
 * The layer of a variant.
 *
 * @throws {DocumentError} `ERR_MANIFEST_INCONSISTENT` where the manifest has no layer of that digest with a variant media type.
 */
export function variantLayer(manifest: ServiceManifest, variant: Variant): ServiceDescriptor {
  const layer = manifest.layers.find(({ digest }) => digest === variant.layer);
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
