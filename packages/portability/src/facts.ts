/**
 * Kernel facts: what one node's kernel offers, read once (spec/kernel-facts.md).
 *
 * Every answer has three values: `true` (probed, there), `false` (probed, not there) and absent (not known on this node, for example
 * because the reader lacked the right to probe). Absent never means no.
 */
export interface KernelFacts {
  schemaVersion: 1;
  mediaType: 'application/vnd.ebpf.kernel-facts.v1+json';
  /** `uname -r`, for people; no rule compares it. */
  release: string;
  /** The value that the loader gives `LINUX_KERNEL_VERSION`: version, patch level and sublevel in 16, 8 and 8 bits. */
  kernelVersion?: number;
  /** OCI architecture name, e.g. `amd64`. */
  architecture: string;
  byteOrder: 'little' | 'big';
  btf: KernelBtfFacts;
  /** libbpf program type name → known to this kernel. */
  programTypes: Record<string, boolean>;
  /** libbpf map type name → known to this kernel. */
  mapTypes: Record<string, boolean>;
  /** libbpf program type name → helper name → callable from it. */
  helpers: Record<string, Record<string, boolean>>;
  /** Feature of the requirement language (spec/requirements.md) → there. */
  features: Record<string, boolean>;
  /** Hook kind → target → there, for targets that BTF does not answer (tracefs tracepoints, kallsyms functions). */
  hooks: Record<string, Record<string, boolean>>;
  /** Names in /sys/kernel/security/lsm, where readable. */
  lsm?: string[];
  /** Kernel options, where a config is readable: `CONFIG_BPF_LSM` → `y`. */
  kconfig?: Record<string, string>;
  /** Whether the reader may load programs, and if not why. */
  privileges: { load: boolean; reason?: string };
}

/** The kernel's own BTF. `data` is base64 of BTF bytes, for facts that travel. */
export interface KernelBtfFacts {
  available: boolean;
  /** `sha256:` digest of the BTF bytes. */
  digest?: string;
  /** In bytes. */
  size?: number;
  data?: string;
}
