/** OCI architecture names that variants can be compiled for. */
export const ARCHITECTURE_NAMES = ['amd64', 'arm64', 'arm', 'loong64', 'ppc64le', 'riscv64', 's390x'] as const;

/** One of {@link ARCHITECTURE_NAMES}. */
export type ArchitectureName = (typeof ARCHITECTURE_NAMES)[number];

/** What an architecture means for the compiler. */
interface ArchitectureTarget {
  /** What `__TARGET_ARCH_…` selects in libbpf's bpf_tracing.h. */
  targetArch: string;
  byteOrder: 'little' | 'big';
}

const TARGETS: Record<ArchitectureName, ArchitectureTarget> = {
  amd64: { targetArch: 'x86', byteOrder: 'little' },
  arm64: { targetArch: 'arm64', byteOrder: 'little' },
  arm: { targetArch: 'arm', byteOrder: 'little' },
  loong64: { targetArch: 'loongarch', byteOrder: 'little' },
  ppc64le: { targetArch: 'powerpc', byteOrder: 'little' },
  riscv64: { targetArch: 'riscv', byteOrder: 'little' },
  s390x: { targetArch: 's390', byteOrder: 'big' },
};

/** What to compile for where the project file does not say. */
export const DEFAULT_ARCHITECTURES: Record<'little' | 'big', ArchitectureName[]> = {
  little: ['amd64', 'arm64'],
  big: ['s390x'],
};

/** What the architecture means for the compiler. */
export function architectureTarget(name: ArchitectureName): ArchitectureTarget {
  return TARGETS[name];
}
