import { z } from 'zod';
import {
  MAX_EVIDENCE_KERNELS,
  MAX_EVIDENCE_LOG_LINES,
  MAX_EVIDENCE_SIZE,
  MAX_MANIFEST_SIZE,
  MAX_VARIANTS,
} from './limits.ts';
import { ARTIFACT_TYPE_EVIDENCE, MEDIA_TYPE_EVIDENCE, MEDIA_TYPE_OCI_MANIFEST } from './media-types.ts';
import { parseDocument } from './parse-document.ts';
import { Architecture, CName, Digest, line, VariantName, Word } from './primitives.ts';

/**
 * What came of a package's variants on real kernels (spec/evidence.md): the config blob of an artifact whose subject is the package. An input
 * of the verdict, never part of the index.
 */
export interface Evidence {
  schemaVersion: 1;
  mediaType: 'application/vnd.ebpf.service.evidence.v1+json';
  kernels: EvidenceKernel[];
}

/** One kernel, named exactly, and what ran on it. */
export interface EvidenceKernel {
  /** `uname -r`. */
  release: string;
  /** `uname -v`: which build of the release. */
  version: string;
  /** OCI architecture name. */
  architecture: string;
  /** `sha256:` digest of its BTF bytes. Absent: it has none. */
  btf?: string;
  /** Digest of the canonical kernel facts, for people who keep them. */
  facts?: string;
  runs: EvidenceRun[];
}

/** What came of one variant. */
export interface EvidenceRun {
  variant: string;
  /** Digest of its layer: evidence holds for these bytes alone. */
  layer: string;
  /** Load parameters that it had. Absent: the values that the object carries. */
  parameters?: Record<string, string | number | boolean>;
  /** All programs that load by default, loaded together. Absent: not known. */
  object?: EvidenceResult;
  programs: EvidenceProgram[];
  /** e.g. `libbpf` `1.1.2`. */
  loader?: { name: string; version: string };
  /** RFC 3339. No rule goes by it. */
  date?: string;
  /** Who says so; for people, the signature is what counts. */
  by?: string;
}

/** What came of one program, loaded without the others. */
export interface EvidenceProgram {
  name: string;
  loads: EvidenceResult;
  /** Absent: not tried. */
  attaches?: EvidenceResult;
  /** Whether it was seen to run. Absent: not looked. */
  fires?: boolean;
}

/** What came of one attempt. */
export interface EvidenceResult {
  outcome: 'ok' | 'failed';
  /** e.g. `EINVAL`. */
  errno?: string;
  /** The last words of the verifier. */
  log?: string[];
  /** It failed although its requirements, held against this kernel, said that it loads: they do not say all that it needs. */
  unforeseen?: boolean;
}

const ResultSchema: z.ZodType<EvidenceResult> = z.looseObject({
  outcome: z.enum(['ok', 'failed']),
  errno: Word.exactOptional(),
  log: z.array(line(512)).max(MAX_EVIDENCE_LOG_LINES).exactOptional(),
  unforeseen: z.boolean().exactOptional(),
});

const ProgramSchema: z.ZodType<EvidenceProgram> = z.looseObject({
  name: CName,
  loads: ResultSchema,
  attaches: ResultSchema.exactOptional(),
  fires: z.boolean().exactOptional(),
});

const RunSchema: z.ZodType<EvidenceRun> = z.looseObject({
  variant: VariantName,
  layer: Digest,
  parameters: z.record(Word, z.union([line(1024), z.number(), z.boolean()])).exactOptional(),
  object: ResultSchema.exactOptional(),
  programs: z.array(ProgramSchema).max(1024),
  loader: z.looseObject({ name: line(64), version: line(64) }).exactOptional(),
  date: line(64).exactOptional(),
  by: line(256).exactOptional(),
});

/** Schema of an evidence document. */
export const EvidenceSchema: z.ZodType<Evidence> = z.looseObject({
  schemaVersion: z.literal(1),
  mediaType: z.literal(MEDIA_TYPE_EVIDENCE),
  kernels: z
    .array(
      z.looseObject({
        release: line(256).min(1),
        version: line(256).min(1),
        architecture: Architecture,
        btf: Digest.exactOptional(),
        facts: Digest.exactOptional(),
        runs: z.array(RunSchema).min(1).max(MAX_VARIANTS),
      }),
    )
    .min(1)
    .max(MAX_EVIDENCE_KERNELS),
});

/**
 * Reads and checks an evidence document.
 *
 * @throws {DocumentError} with every broken rule named.
 */
export function parseEvidence(input: Uint8Array | string | object): Evidence {
  return parseDocument(input, { name: 'evidence', schema: EvidenceSchema, maxSize: MAX_EVIDENCE_SIZE });
}

/** Manifest of evidence, as far as a node reads it. */
export interface EvidenceManifest {
  schemaVersion: 2;
  mediaType: 'application/vnd.oci.image.manifest.v1+json';
  artifactType: 'application/vnd.ebpf.service.evidence.v1';
  config: { mediaType: 'application/vnd.ebpf.service.evidence.v1+json'; digest: string; size: number };
  /** The package. */
  subject: { mediaType: string; digest: string; size: number };
}

const DescriptorFields = { digest: Digest, size: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER) };

/** Schema of the manifest of evidence. */
export const EvidenceManifestSchema: z.ZodType<EvidenceManifest> = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(MEDIA_TYPE_OCI_MANIFEST),
  artifactType: z.literal(ARTIFACT_TYPE_EVIDENCE),
  config: z.looseObject({ mediaType: z.literal(MEDIA_TYPE_EVIDENCE), ...DescriptorFields }),
  subject: z.looseObject({ mediaType: line(255), ...DescriptorFields }),
});

/**
 * Reads and checks the manifest of evidence.
 *
 * @throws {DocumentError} with every broken rule named.
 */
export function parseEvidenceManifest(input: Uint8Array | string | object): EvidenceManifest {
  return parseDocument(input, {
    name: 'evidence manifest',
    schema: EvidenceManifestSchema,
    maxSize: MAX_MANIFEST_SIZE,
  });
}
