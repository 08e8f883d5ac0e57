import type { Policy } from '@bpfship/trust';
import type { AttachedProgram, CarriedMap } from './activation.ts';
import type { KernelFolders } from '../facts/installed-kernels.ts';
import type { AttachTargets } from '@bpfship/portability';
import type { HealthChoice } from './health/generation-health.ts';
import type { HealthReport } from './health/watch-health.ts';
import type { ParameterChanges } from './parameters.ts';
import type { PackageSource } from './prepare.ts';
import type { InstallProgress } from './steps.ts';

/** Folders of a node. */
export interface NodeFolders {
  stateDir: string;
  bpffsDir: string;
  /** Milliseconds that another process's work is waited for. Default 30,000. */
  lockWaitMs?: number;
  /** Where the node's kernels are installed. Default `/boot` and `/lib/modules`. */
  kernels?: KernelFolders;
}

/** Options of `ShimNode.install`. */
export interface InstallOptions extends PackageSource, ParameterChanges {
  /** The service that the package must be. Default: whichever it is. */
  service?: string;
  /** Where programs attach, as far as their sections do not say it. Default: nowhere else. */
  attach?: AttachTargets;
  /** Fetches the variants for the other kernels that are installed on the node too, so that it comes back after a start with one of them. Default true. */
  prefetch?: boolean;
  /** What an upgrade may do that the running generation does not: `hook:kprobe:*`, `helper:bpf_send_signal`, `capability:CAP_NET_ADMIN`. Default: nothing beyond what the policy allows. */
  allowNew?: readonly string[] | undefined;
  /** Whether and how long the new generation is watched before it stays. Default: where the service declares probes, at an upgrade. */
  health?: HealthChoice | undefined;
  /** Maps whose contents may be lost where the new version cannot take them over. Default: none; such an upgrade is refused. */
  discardMaps?: readonly string[];
  /** Hears of every step that is done. */
  onStep?: (progress: InstallProgress) => void;
}

/** Options of `ShimNode.upgrade`. Where `attach` says nothing, programs stay where they are; parameters keep their values. */
export interface UpgradeOptions extends InstallOptions {
  /** The installed service. */
  service: string;
}

/** Options of changes of an installed service. */
export interface ChangeOptions {
  service: string;
  /** Hears of every step that is done. */
  onStep?: (progress: InstallProgress) => void;
  signal?: AbortSignal;
}

/** Options of `ShimNode.rollback`. */
export interface RollbackOptions extends ChangeOptions {
  /** Id of the generation to go back to. Default: the newest before the current one. */
  to?: number;
  /** Whom to trust, and what packages may do, now. Default: what was verified when the generation was installed holds. */
  policy?: Policy | undefined;
  /** As in {@link InstallOptions}. */
  discardMaps?: readonly string[];
}

/** What an install, upgrade or rollback did. */
export interface InstallResult {
  service: string;
  version: string;
  variant: string;
  generation: number;
  /** Digest of the package's manifest. */
  digest: string;
  /** Hint of the key that signed the package; absent where that was not checked. */
  signer?: string;
  programs: AttachedProgram[];
  /** Maps that are pinned, and what they have of those of the generation before. */
  maps: CarriedMap[];
  /** What came of watching it; absent where it had no health gate to pass. */
  health?: HealthReport;
  steps: InstallProgress[];
  /** Variants that were tried before and rejected by the kernel, with its words. */
  rejected: RejectedVariant[];
  /** What people should know, a line each: what an interrupted command had left, what could not be removed. */
  warnings: string[];
}

/** A variant that the kernel rejected. */
export interface RejectedVariant {
  variant: string;
  reason: string;
}
