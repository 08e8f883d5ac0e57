import type { GuardGraph } from './guard-graph.ts';
import type { ServiceHealth } from './health.ts';
import type { MapMigration } from './migration.ts';
import type { EventStream, ServiceMetric } from './observation.ts';
import type { ServiceParameter } from './parameter.ts';
import type { Requirement } from './requirement.ts';

/**
 * The BTF index: the config blob of a package. It says what the service declares of itself and what every variant needs of a kernel
 * (spec/btf-index.md).
 */
export interface BtfIndex {
  schemaVersion: 1;
  mediaType: 'application/vnd.ebpf.service.btf-index.v1+json';
  /** Canonical service name; the signature binds it. */
  name: string;
  /** Semantic version of the service. */
  version: string;
  description?: string;
  /** SPDX licence expression. */
  licenses?: string;
  /** URL of the source repository. */
  source?: string;
  /** Event streams that the service offers. */
  events?: EventStream[];
  /** Metrics that maps hold. */
  metrics?: ServiceMetric[];
  /** What may be set when the service is loaded. */
  parameters?: ServiceParameter[];
  /** `together`: an upgrade switches all its programs at one moment, or is refused. Absent: each for itself. */
  switching?: 'together';
  /** What becomes of maps whose definition an upgrade to this version changes. */
  migrations?: MapMigration[];
  /** What a new generation must pass before it stays. */
  health?: ServiceHealth;
  /** In the author's order of preference. */
  variants: Variant[];
}

/** One compiled form of the service, in one layer. */
export interface Variant {
  name: string;
  /** Digest of the layer in the manifest. */
  layer: string;
  platform: VariantPlatform;
  /** The ELF object in the layer. */
  object: { path: string; digest: string; size: number };
  /** The licence string in the object, which decides what helpers the kernel allows. */
  license: string;
  programs: VariantProgram[];
  maps: VariantMap[];
  /** Base64 of a minimal BTF blob with the local types that `core-relocation` requirements refer to. */
  types?: string;
  requirements: Requirement[];
  /** For programs whose requirements do not count on every kernel; at most one for each. Absent = none. */
  guards?: GuardGraph[];
}

/** What the object was compiled for. Without an architecture it runs on every one of the byte order. */
export interface VariantPlatform {
  byteOrder: 'little' | 'big';
  /** OCI architecture name, e.g. `amd64`. */
  architecture?: string;
}

/** A program of a variant. */
export interface VariantProgram {
  name: string;
  /** ELF section name, as libbpf reads it. */
  section: string;
  /** libbpf's program type name. */
  type: string;
  /** e.g. `sleepable`, `xdp-frags`, `tail-called`. */
  flags?: string[];
  /** The hook it takes. */
  hook: string;
  /** The kernel target that the section names. Hooks such as XDP get theirs (an interface) at run time. */
  target?: string;
}

/** A map of a variant. */
export interface VariantMap {
  name: string;
  /** libbpf's map type name. */
  type: string;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  /** For maps of maps: libbpf's name of the type of the maps in it. Absent where the object does not define it. */
  inner?: string;
  /** Digest of the canonical description of key and value types: equal schema, contents can be carried over an upgrade. */
  schema?: string;
}
