/**
 * Bounds that every reader of the standard's documents keeps (spec/artifact.md, "Limits"). Sizes are in bytes.
 */

/** A manifest; the bound that registries share (distribution-spec, "Pushing Manifests"). */
export const MAX_MANIFEST_SIZE: number = 4 * 1024 * 1024;
/** A BTF index. A typical one is under 10 KB. */
export const MAX_BTF_INDEX_SIZE: number = 4 * 1024 * 1024;
/** What a tar of one file has besides the file: its header, and zeros up to the 20 blocks that some programs write at a time. */
export const MAX_TAR_OVERHEAD: number = 16 * 1024;
/** A compressed variant layer. */
export const MAX_VARIANT_LAYER_SIZE: number = 64 * 1024 * 1024;
/** All files of a variant layer, unpacked. */
export const MAX_VARIANT_UNPACKED_SIZE: number = 256 * 1024 * 1024;
/** Files in a variant layer. */
export const MAX_VARIANT_FILES = 256;
/** Variants in a package. */
export const MAX_VARIANTS = 256;
/** A signature bundle. */
export const MAX_SIGNATURE_BUNDLE_SIZE: number = 1024 * 1024;
/** A catalogue document. */
export const MAX_CATALOGUE_SIZE: number = 32 * 1024 * 1024;
/** Nodes, and values, of a guard graph. */
export const MAX_GUARD_NODES = 4096;
/** Guard graphs of one variant, all nodes together. */
export const MAX_VARIANT_GUARD_NODES = 65_536;
/** Programs of a variant times its requirements, all variants together: as many answers a verdict may hold. */
export const MAX_ANSWERS = 4_194_304;
/** The table of a BTF supplement. */
export const MAX_SUPPLEMENT_TABLE_SIZE: number = 4 * 1024 * 1024;
/** Kernels in one BTF supplement. */
export const MAX_SUPPLEMENT_KERNELS = 16_384;
/** BTF supplements of one package that a node looks into. */
export const MAX_SUPPLEMENTS = 32;
/** Minimal BTF of one kernel; a typical one has some hundred bytes. */
export const MAX_MINIMAL_BTF_SIZE: number = 4 * 1024 * 1024;
/** An evidence document. */
export const MAX_EVIDENCE_SIZE: number = 8 * 1024 * 1024;
/** Kernels in one evidence document. */
export const MAX_EVIDENCE_KERNELS = 1024;
/** Lines of a verifier's log that evidence keeps. */
export const MAX_EVIDENCE_LOG_LINES = 32;
/** Evidence documents of one package that a node looks into. */
export const MAX_EVIDENCE_DOCUMENTS = 32;
