export * from './annotations.ts';
export type { BtfIndex, Variant, VariantMap, VariantPlatform, VariantProgram } from './btf-index.ts';
export { BtfIndexDocumentSchema, BtfIndexSchema, parseBtfIndex } from './btf-index-schema.ts';
export { shareParts } from './shared-parts.ts';
export {
  type BtfTable,
  BtfTableSchema,
  type NearKernels,
  parseBtfTable,
  parseSupplementManifest,
  type SupplementedKernel,
  type SupplementManifest,
  SupplementManifestSchema,
} from './btf-supplement.ts';
export { canonicalJson, canonicalJsonBytes } from './canonical-json.ts';
export {
  type Catalogue,
  type CatalogueEntry,
  CatalogueSchema,
  type CatalogueVariant,
  parseCatalogue,
} from './catalogue.ts';
export { DocumentError, type DocumentErrorCode, type DocumentIssue } from './document-error.ts';
export {
  type Evidence,
  type EvidenceKernel,
  type EvidenceManifest,
  EvidenceManifestSchema,
  type EvidenceProgram,
  type EvidenceResult,
  type EvidenceRun,
  EvidenceSchema,
  parseEvidence,
  parseEvidenceManifest,
} from './evidence.ts';
export type {
  GuardBranch,
  GuardCondition,
  GuardGraph,
  GuardNode,
  GuardOperand,
  GuardValue,
  KconfigType,
} from './guard-graph.ts';
export { GuardGraphSchema } from './guard-graph-schema.ts';
export * from './health.ts';
export * from './limits.ts';
export * from './media-types.ts';
export * from './migration.ts';
export {
  type EventField,
  type EventStream,
  FIELD_FORMATS,
  type MetricLabel,
  type ServiceMetric,
} from './observation.ts';
export { EventStreamSchema, FieldPath, MetricName, ServiceMetricSchema } from './observation-schema.ts';
export {
  isParameterValue,
  MAX_PARAMETER_TEXT,
  parameterRange,
  type ParameterType,
  type ParameterValue,
  type ServiceParameter,
} from './parameter.ts';
export { ServiceParameterSchema } from './parameter-schema.ts';
export { type DocumentKind, parseDocument } from './parse-document.ts';
export * from './primitives.ts';
export * from './requirement.ts';
export { RequirementSchema } from './requirement-schema.ts';
export * from './compatible-form.ts';
export { readSingleFile, tarSingleFile } from './single-file-tar.ts';
export {
  checkPackage,
  indexBlob,
  isServiceManifest,
  MAX_INDEX_BLOB_SIZE,
  parseIndexBlob,
  parseServiceManifest,
  type ServiceDescriptor,
  type ServiceManifest,
  serviceLayers,
  ServiceManifestSchema,
  variantLayer,
} from './service-manifest.ts';
export {
  MapMigrationSchema,
  ServiceHealthSchema,
  StrictMapMigrationSchema,
  StrictServiceHealthSchema,
} from './upgrade-schema.ts';
