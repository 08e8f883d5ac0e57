/** Where a program is to attach, as far as its section does not say it (spec/selection.md, "Targets given at run time"). */
export interface AttachTarget {
  /** For XDP: the network interface. */
  readonly interfaceName?: string;
  /** For XDP. Default: the kernel chooses. */
  readonly xdpMode?: 'native' | 'generic';
  /** For cgroup hooks: the cgroup's folder. */
  readonly cgroupPath?: string;
}

/** Program name → target; `*` stands for what a program's own entry does not say. */
export type AttachTargets = Readonly<Record<string, AttachTarget>>;

/** The target of a program. */
export function targetOf(targets: AttachTargets, program: string): AttachTarget {
  const own = Object.hasOwn(targets, program) ? targets[program] : undefined;
  return { ...targets['*'], ...own };
}
