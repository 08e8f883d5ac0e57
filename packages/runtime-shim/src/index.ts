export { DesiredFile } from './desired/desired-file.ts';
export {
  type DesiredCatalogue,
  type DesiredPolicy,
  type DesiredRegistries,
  type DesiredService,
  type DesiredState,
  DesiredStateSchema,
  intervalMs,
} from './desired/desired-schema.ts';
export type { MaintenanceWindow } from './desired/maintenance-window.ts';
export { checkDesired, parseDesired, readDesiredFile } from './desired/parse-desired.ts';
export { Reconciler, type ReconcilerOptions } from './desired/reconcile.ts';
export type { ReconcileAction, ReconcileOptions, ReconcileReport, ServiceReport } from './desired/report.ts';
export { DaemonClient, DaemonError } from './daemon/client.ts';
export type { ReportedError } from './desired/reported-error.ts';
export { type BtfForm, exportKernelFacts, type ExportFactsOptions } from './facts/export-kernel-facts.ts';
export { readKernelBtf } from './facts/kernel-btf.ts';
export { type InstalledKernel, type KernelFolders, listInstalledKernels } from './facts/installed-kernels.ts';
export { loadedModules } from './facts/module-btf.ts';
export { readPrivileges } from './facts/privileges.ts';
export { readKernelFacts, type ReadFactsOptions } from './facts/read-kernel-facts.ts';
export type {
  AttachedLink,
  AttachOptions,
  AttachWay,
  Kernel,
  LoadedObject,
  LoadOptions,
  MapEntries,
  PinnedInfo,
  ProbeQuestion,
  ProgramStats,
  ReadEntriesOptions,
  RingPosition,
  WriteEntriesOptions,
  WrittenEntries,
} from './kernel/kernel.ts';
export { KernelError, type KernelErrorCode, type KernelErrorDetails } from './kernel/kernel-error.ts';
export { openKernel, type OpenKernelOptions } from './kernel/open-kernel.ts';
export type {
  AttachedProgram,
  CarriedMap,
  RecordedProgram,
  RecordedStub,
  Switch,
  Switching,
  XdpManner,
} from './node/activation.ts';
export { type EvidenceSearch, findEvidence, type FindEvidenceOptions } from './node/find-evidence.ts';
export {
  findSupplement,
  type FindSupplementOptions,
  type FoundSupplement,
  type SupplementSearch,
} from './node/find-supplement.ts';
export type { AttachTarget, AttachTargets } from '@bpfship/portability';
export type { GenerationHealth, HealthChoice } from './node/health/generation-health.ts';
export type { HealthReport } from './node/health/watch-health.ts';
export type { Permission, PermissionKind } from './node/permissions/permissions-of.ts';
export type {
  ChangeOptions,
  InstallOptions,
  InstallResult,
  NodeFolders,
  RejectedVariant,
  RollbackOptions,
  UpgradeOptions,
} from './node/node-options.ts';
export type { GivenParameter, ParameterChanges, ParameterStatus, ParameterValues } from './node/parameters.ts';
export type { Prefetched } from './node/prefetch.ts';
export type { PackageSource } from './node/prepare.ts';
export type { InterruptedChange } from './node/node-changes.ts';
export type { RestoredService, RestoreOutcome } from './node/restore.ts';
export type { InstalledService } from './node/installed.ts';
export { ShimNode } from './node/shim-node.ts';
export type { XdpUse } from './node/shared-xdp/describe-xdp-use.ts';
export type { ProgramStatus, RunState, ServiceStatus, ServiceSummary } from './node/status.ts';
export type { InstallProgress, StepName } from './node/steps.ts';
export { parseValues, type Values } from './node/values-file.ts';
export { EventBatch } from './observe/events/event-batch.ts';
export type { EventFeed, FeedBlock, FeedListener, StreamFacts } from './observe/events/event-feed.ts';
export { EventHub, type StreamStatistics } from './observe/events/event-hub.ts';
export { requireStreams } from './observe/events/require-streams.ts';
export { EventSubscription, type SubscribeOptions } from './observe/events/event-subscription.ts';
export type { ServiceEvent } from './observe/events/service-event.ts';
export type { OpenHub } from './observe/events/shared-hubs.ts';
export { drawHistogram } from './observe/maps/draw-histogram.ts';
export type { Histogram } from './observe/maps/histogram.ts';
export { type CellTable, mapColumns } from './observe/maps/map-columns.ts';
export type { MapContents, MapEntry } from './observe/maps/map-contents.ts';
export type { ReadMapsOptions, ServiceMap } from './observe/maps/read-maps.ts';
export {
  chooseExposition,
  EXPOSITION_TYPES,
  type ExpositionFormat,
  renderMetrics,
} from './observe/metrics/exposition.ts';
export type { MetricFamily, MetricHistogram, MetricSeries } from './observe/metrics/metric-family.ts';
export { encodeOtlp, type OtlpOptions, pushOtlp } from './observe/metrics/otlp.ts';
export type { MeasuredProgram } from './observe/metrics/service-metrics.ts';
export {
  type TopNumbers,
  type TopProgram,
  TopSampler,
  type TopSample,
  type TopService,
  type TopSource,
} from './observe/top/top-sampler.ts';
export { EventColumns, type EventColumnsOptions } from './observe/present/event-columns.ts';
export { EventJson, type EventJsonOptions } from './observe/present/event-json.ts';
export { valueText } from './observe/present/value-text.ts';
export type { BufferFacts, EventBlock } from './observe/reader/event-block.ts';
export {
  type BufferListener,
  type EventReader,
  openEventReader,
  type OpenEvents,
} from './observe/reader/open-event-reader.ts';
export { openNode, type OpenNodeOptions } from './open-node.ts';
export { ShimError, type ShimErrorCode } from './shim-error.ts';
export { readVariantLayer } from './variant-layer/read-variant-layer.ts';
export { VariantLayerError, type VariantLayerErrorCode } from './variant-layer/variant-layer-error.ts';
export { type IteratorOutput, readIterators } from './node/read-iterators.ts';
