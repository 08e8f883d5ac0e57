import { z } from 'zod';
import { MAX_MANIFEST_SIZE, MAX_SUPPLEMENT_KERNELS, MAX_SUPPLEMENT_TABLE_SIZE } from './limits.ts';
import { ARTIFACT_TYPE_BTF_SUPPLEMENT, MEDIA_TYPE_BTF_TABLE, MEDIA_TYPE_OCI_MANIFEST } from './media-types.ts';
import { parseDocument } from './parse-document.ts';
import { Architecture, Digest, line } from './primitives.ts';

/**
 * The config blob of a BTF supplement: for which kernels it has minimal BTF, and in which layer (spec/btf-supplements.md). A supplement is an
 * artifact whose subject is the package, for kernels that carry no BTF of their own.
 */
export interface BtfTable {
  schemaVersion: 1;
  mediaType: 'application/vnd.ebpf.service.btf-table.v1+json';
  kernels: SupplementedKernel[];
}

/** One kernel, and the layer with its minimal BTF. */
export interface SupplementedKernel {
  /** `uname -r`. */
  release: string;
  /** `uname -v`. Absent: every build of the release. */
  version?: string;
  /** OCI architecture name. */
  architecture: string;
  /** Digest of the layer. */
  btf: string;
  /** Other kernels for which the author declares it right, and what a node must check of itself before it believes that. */
  near?: NearKernels;
}

/** Kernels that the author declares equal in all that the package reads of them. */
export interface NearKernels {
  /** Pattern of `uname -r`, in which `*` stands for any characters. */
  release: string;
  /** Options that must have the same value in the node's kernel; at least one. */
  kconfig: Record<string, string>;
}

const NearSchema = z.strictObject({
  release: line(128).min(1),
  kconfig: z
    .record(z.string().regex(/^CONFIG_[A-Z0-9_a-z]{1,120}$/), line(256))
    .refine((options) => Object.keys(options).length > 0 && Object.keys(options).length <= 256, {
      error: 'must have 1 to 256 options',
    }),
});

/** Schema of a BTF table. */
export const BtfTableSchema: z.ZodType<BtfTable> = z.looseObject({
  schemaVersion: z.literal(1),
  mediaType: z.literal(MEDIA_TYPE_BTF_TABLE),
  kernels: z
    .array(
      z.looseObject({
        release: line(256).min(1),
        version: line(256).exactOptional(),
        architecture: Architecture,
        btf: Digest,
        near: NearSchema.exactOptional(),
      }),
    )
    .min(1)
    .max(MAX_SUPPLEMENT_KERNELS),
});

/**
 * Reads and checks the table of a BTF supplement.
 *
 * @throws {DocumentError} with every broken rule named.
 */
export function parseBtfTable(input: Uint8Array | string | object): BtfTable {
  return parseDocument(input, { name: 'BTF table', schema: BtfTableSchema, maxSize: MAX_SUPPLEMENT_TABLE_SIZE });
}

/** Manifest of a BTF supplement, as far as a node reads it. */
export interface SupplementManifest {
  schemaVersion: 2;
  mediaType: 'application/vnd.oci.image.manifest.v1+json';
  artifactType: 'application/vnd.ebpf.service.btf.v1';
  config: { mediaType: 'application/vnd.ebpf.service.btf-table.v1+json'; digest: string; size: number };
  layers: { mediaType: string; digest: string; size: number }[];
  /** The package. */
  subject: { mediaType: string; digest: string; size: number };
}

const DescriptorFields = { digest: Digest, size: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER) };
const DescriptorSchema = z.looseObject({ mediaType: line(255), ...DescriptorFields });

/** Schema of a supplement's manifest. */
export const SupplementManifestSchema: z.ZodType<SupplementManifest> = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(MEDIA_TYPE_OCI_MANIFEST),
  artifactType: z.literal(ARTIFACT_TYPE_BTF_SUPPLEMENT),
  config: z.looseObject({ mediaType: z.literal(MEDIA_TYPE_BTF_TABLE), ...DescriptorFields }),
  layers: z.array(DescriptorSchema).min(1).max(MAX_SUPPLEMENT_KERNELS),
  subject: DescriptorSchema,
});

/**
 * Reads and checks the manifest of a BTF supplement.
 *
 * @throws {DocumentError} with every broken rule named.
 */
export function parseSupplementManifest(input: Uint8Array | string | object): SupplementManifest {
  return parseDocument(input, {
    name: 'BTF supplement manifest',
    schema: SupplementManifestSchema,
    maxSize: MAX_MANIFEST_SIZE,
  });
}
