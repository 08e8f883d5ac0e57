import type { Requirement } from '@bpfship/media-types';

/** Whether a variant loads on a kernel: yes, no, or not known. */
export type Outcome = 'loads' | 'refused' | 'uncertain';

/** An answer that may not be known. */
export type Certainty = 'yes' | 'no' | 'unknown';

/** One requirement that is unmet, or of which it is not known whether it is met. */
export interface Finding {
  /** Absent where the platform itself (architecture, byte order) or a target given at run time does not fit, or a map is one that no kernel makes. */
  requirement?: Requirement;
  outcome: 'unmet' | 'unknown';
  /**
   * What it is about: `load` = the kernel's verifier and loader, `attach` = a program that loads and cannot be attached, `fire` = one that is
   * attached and never runs.
   */
  affects: 'load' | 'attach' | 'fire';
  /** Stable code of the rule, e.g. `helper-missing`, `architecture`, `relocation-poison`. */
  code: string;
  /** One sentence for people, e.g. `helper bpf_loop is not callable from raw_tracepoint programs`. */
  reason: string;
  /** Mainline version that brought what is missing, for explanation only, e.g. `5.17`. */
  since?: string;
}

/** What comes of one program, loaded alone: of its own requirements and of those of the object as a whole. */
export interface ProgramVerdict {
  name: string;
  outcome: Outcome;
  loads: Certainty;
  fires: Certainty;
  /** Those of the verdict's findings that concern it. */
  findings: Finding[];
}

/** What comes of holding one variant's requirements against kernel facts. */
export interface Verdict {
  /** Name of the variant. */
  variant: string;
  /** Digest of its layer. */
  layer: string;
  /** OCI architecture name; absent where the variant runs on every one of its byte order. */
  architecture?: string;
  /** For selection, where a service is of use only if all its programs load, attach and run: `loads` means all of it. */
  outcome: Outcome;
  /** Whether the kernel takes all programs. */
  loads: Certainty;
  /** Whether they can be attached and run, as far as that is known before they are. Never `yes` where `loads` is not. */
  fires: Certainty;
  /** Unmet first, then unknown; empty where it loads. */
  findings: Finding[];
  /** Every program of the variant, in the order of the index; empty where the platform does not fit. */
  programs: ProgramVerdict[];
}

/** The outcome of a selection: every variant's verdict in the author's order, and the candidates in the order to try them. */
export interface Selection {
  verdicts: Verdict[];
  /** Those that load, in the author's order, then the uncertain ones, in the author's order. The first is the selected one. */
  candidates: Verdict[];
}
