import type { EventStream, MapMigration, ParameterValue, ServiceHealth, ServiceMetric } from '@bpfship/media-types';
import type { ArchitectureName } from '../build/architectures.ts';

/** A service as its author describes it in `ebpf-service.yaml`, checked, with absolute paths. */
export interface Project {
  /** The project file. */
  file: string;
  /** Its folder; relative paths in the file start here. */
  directory: string;
  name: string;
  /** Semantic version. */
  version: string;
  description?: string;
  /** SPDX licence expression. */
  licenses?: string;
  /** URL of the source repository. */
  source?: string;
  events: EventStream[];
  /** Metrics that maps hold. */
  metrics: ServiceMetric[];
  /** Constants that may be set when the service is loaded. */
  parameters: ProjectParameter[];
  /** An upgrade switches all programs at one moment, or is refused. Absent: each for itself. */
  switching?: 'together';
  /** What becomes of maps that this version defines otherwise than earlier ones. */
  migrations: MapMigration[];
  /** What a new generation must pass. */
  health?: ServiceHealth;
  /** Folders that `#include` searches. */
  include: string[];
  /** Files of the documentation layer. */
  docs: string[];
  /** In the order of preference. */
  variants: ProjectVariant[];
}

/** A load parameter: a `const volatile` variable of every variant. */
export interface ProjectParameter {
  /** Of the variable. */
  name: string;
  description?: string;
  /** What the variable must hold in every object. Default: whatever it holds. */
  default?: ParameterValue;
}

/** One variant to compile. */
export interface ProjectVariant {
  name: string;
  /** The C file. */
  source: string;
  /** Preprocessor definitions: those of the project, and over them those of the variant. */
  defines: Record<string, string | number>;
  /** Further flags for clang. */
  flags: string[];
  /** OCI architecture names to compile for. */
  architectures: ArchitectureName[];
  byteOrder: 'little' | 'big';
}
