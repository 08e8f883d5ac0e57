import type { ReportedError } from './reported-error.ts';

/** What is done with a service. */
export type ReconcileAction = 'none' | 'restore' | 'install' | 'upgrade' | 'attach' | 'start' | 'stop' | 'uninstall';

/** What came of one service. */
export interface ServiceReport {
  service: string;
  action: ReconcileAction;
  /** `unchanged`: it is as it should be. `planned`: a dry run would do it. `waiting`: not now, and `reason` says why. */
  outcome: 'unchanged' | 'planned' | 'done' | 'waiting' | 'failed';
  /** One line for people. */
  reason?: string;
  /** Version and digest before, and after or wanted. */
  from?: { version: string; digest: string };
  to?: { version?: string; digest?: string; reference?: string };
  error?: ReportedError;
  warnings?: string[];
}

/** What came of a reconciliation, a service each. */
export interface ReconcileReport {
  services: ServiceReport[];
  /** Whether anything failed or waits. */
  settled: boolean;
}

/** How to reconcile. */
export interface ReconcileOptions {
  /** Says what would be done, and does nothing. Default false. */
  dryRun?: boolean;
  /** Looks only at the kernel, and asks no registry. Default false. */
  localOnly?: boolean;
  /** Tries what failed before at once. Default false. */
  now?: boolean;
  signal?: AbortSignal;
  /** Hears of each service as soon as it is done with. */
  onReport?: (report: ServiceReport) => void;
}
