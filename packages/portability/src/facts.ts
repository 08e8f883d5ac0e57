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
  /** `uname -v`: which build of the release it is. Only BTF supplements go by it. */
  version?: string;
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
  /** libbpf program type name → kernel function → callable from it, for those that were asked for. */
  kfuncs?: Record<string, Record<string, boolean>>;
  /** Program type, or program type and attach type (`xdp/xdp_devmap`) → access to the context (`read-4@20`) → allowed, for those that were asked for. */
  contextFields?: Record<string, Record<string, boolean>>;
  /** Feature of the requirement language (spec/requirements.md) → there. */
  features: Record<string, boolean>;
  /** Hook kind → target → there, for what was asked on the node and BTF does not answer (tracefs tracepoints, kallsyms functions). */
  hooks: Record<string, Record<string, boolean>>;
  /** All names in /proc/kallsyms, for facts that travel: functions, and the others. Each sorted, each once, each ended by a line feed. */
  symbols?: { functions?: Packed; variables?: Packed };
  /** All tracepoints of tracefs as `group/name`, for facts that travel; as {@link symbols}. */
  tracepoints?: Packed;
  /** Loaded modules that have BTF, by name. */
  modules?: Record<string, KernelModuleFacts>;
  /** Names in /sys/kernel/security/lsm, where readable. */
  lsm?: string[];
  /** Kernel options, where a config is readable: `CONFIG_BPF_LSM` → `y`. */
  kconfig?: Record<string, string>;
  /** /proc/sys/net/core/bpf_jit_enable and bpf_jit_harden. */
  jit?: { enabled: boolean; hardened?: boolean };
  /** The chosen word of /sys/kernel/security/lockdown. */
  lockdown?: 'none' | 'integrity' | 'confidentiality';
  /** Network interfaces by name; absent where they were not read. */
  interfaces?: Record<string, NetworkInterfaceFacts>;
  /** Where the cgroup v2 hierarchy is mounted. */
  cgroup2?: string;
  /** sched_ext: whether the kernel has it, and the word in /sys/kernel/sched_ext/state. */
  schedExt?: { available: boolean; state?: string };
  /** Whether the reader may load programs, and if not why. */
  privileges: KernelPrivileges;
}

/** A network interface. */
export interface NetworkInterfaceFacts {
  /** In bytes. */
  mtu: number;
  /** The kernel's word for its kind where it is virtual, e.g. `veth`. */
  kind?: string;
  /** What its driver can do with XDP: words of `enum netdev_xdp_act` without their prefix, e.g. `basic`, `rx-sg`; sorted. Absent where the kernel does not say (before 6.3). */
  xdp?: string[];
}

/** What the reader of the facts may do. */
export interface KernelPrivileges {
  load: boolean;
  reason?: string;
  /** Whether it is user 0. */
  root?: boolean;
  /** Its effective capabilities among those that BPF asks for, e.g. `CAP_BPF`; sorted. */
  capabilities?: string[];
  /** /proc/sys/kernel/unprivileged_bpf_disabled: 0 no, 1 yes for good, 2 yes until somebody changes it. */
  unprivilegedBpfDisabled?: number;
}

/** Bytes in a short form (spec/kernel-facts.md, "Packed data"). */
export interface Packed {
  /** `zlib` (RFC 1950). Other words may come: a reader that does not know one takes the data as not there. */
  encoding: string;
  /** Of the unpacked bytes. */
  size: number;
  /** base64. */
  data: string;
}

/** A loaded module. */
export interface KernelModuleFacts {
  /** Of its BTF bytes. */
  digest?: string;
  size?: number;
  /** Its BTF (split, upon that of the kernel image), for facts that travel. */
  btf?: Packed;
}

/** The kernel's own BTF. `data` is base64 of BTF bytes, for facts that travel; `compact` decides as it does. */
export interface KernelBtfFacts {
  available: boolean;
  /** `sha256:` digest of the BTF bytes. */
  digest?: string;
  /** In bytes. */
  size?: number;
  data?: string;
  /** The same BTF without the names of parameters of functions; type ids and everything else are as in the whole. */
  compact?: Packed;
}
