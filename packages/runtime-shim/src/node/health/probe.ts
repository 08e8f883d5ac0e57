import type { BtfIndex, ServiceHealth, Variant } from '@bpfship/media-types';
import type { Kernel } from '../../kernel/kernel.ts';
import type { RecordedProgram } from '../activation.ts';
import type { ServicePins } from '../pins.ts';

/** What a probe is asked about. */
export interface ProbedGeneration {
  kernel: Kernel;
  pins: ServicePins;
  id: number;
  index: BtfIndex;
  variant: Variant;
  /** Its programs at their hooks. */
  programs: readonly RecordedProgram[];
  /** Its BTF tells what is in its maps. */
  object: Uint8Array;
  /** Maps that began empty with this generation: their counters began at 0. */
  newMaps: ReadonlySet<string>;
}

/** What a probe says. `unknown`: it could not be asked, which counts as passed, and is said. */
export interface ProbeFinding {
  state: 'waiting' | 'passed' | 'failed' | 'unknown';
  /** One line with numbers. */
  detail: string;
}

/** One probe while a generation is watched. */
export interface Probe {
  /**
   * Looks now.
   *
   * @param elapsed - seconds since the watching began.
   * @param isLast - whether the time is over.
   */
  look(elapsed: number, isLast: boolean): Promise<ProbeFinding>;
}

/** Opens all probes of one kind. */
export type OpenProbes = (health: ServiceHealth, generation: ProbedGeneration) => Promise<Probe[]>;
