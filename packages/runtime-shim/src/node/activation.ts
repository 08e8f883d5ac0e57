import type { BtfIndex, Variant, VariantMap } from '@bpfship/media-types';
import type { AttachTarget, XdpAction } from '@bpfship/portability';
import type { Kernel } from '../kernel/kernel.ts';
import type { BringUpContext } from './bring-up.ts';
import type { Attachment } from './attachment.ts';
import type { ParameterValues } from './parameters.ts';
import type { StubShape } from './stubs/stub-rules.ts';
import type { ServicePins } from './pins.ts';
import type { StepTimer } from './steps.ts';

/** How a program came to its hook. */
export type Switch = 'attached' | 'in-place' | 'stub' | 'overlap' | 'gap' | 'kept';

/**
 * How a program gives way to the next one at its hook, without an event lost. `in-place`: the kernel puts the other program into the link.
 * `stub`: a stub stays at the hook, and goes on in the other program from one event to the next. `overlap`: the other program is attached
 * before this one is detached, so that both see events for a moment. `gap`: this one is detached before the other is attached, since the kernel
 * has room for one only (schedulers, and congestion control without a link).
 */
export interface Switching {
  way: 'in-place' | 'stub' | 'overlap' | 'gap';
  /** For `overlap` and `gap`: why it has no stub. */
  why?: string;
}

/** A stub, as the state keeps it; see `stubs/stub-rules.ts` for its shape. */
export interface RecordedStub extends StubShape {
  /** Name of its pins, unique in the service. */
  key: string;
}

/** A program at its hook; a program with several targets is there for each. */
export interface AttachedProgram extends RecordedProgram {
  /** `attached`: there was none before. `in-place`: the running link got the new program. `stub`: a stub went on in it. `overlap`: attached before the old one was detached. `gap`: attached after the old one was detached. `kept`: it was there and stays. */
  switched: Switch;
}

/** What the state says of a program at its hook. */
export interface RecordedProgram {
  name: string;
  /** Name of its link's pin, unique in the service; see `attachment.ts`. */
  key: string;
  /** The hook with its target, e.g. `raw-tracepoint:sched_process_exec`, `xdp:eth0`. */
  hook: string;
  /** The target that was given at run time; absent where its section says all. */
  target?: AttachTarget;
  /** How it is switched; absent in states of before there were stubs. */
  switching?: Switching;
  /** The stub behind which it is; absent where it has none. */
  stub?: RecordedStub;
  /** For XDP: how it runs beside others on its interface. */
  xdp?: XdpManner;
}

/** How an XDP program runs where several share an interface. */
export interface XdpManner {
  /** Lower runs earlier. */
  priority: number;
  /** After which of its return values the next program runs. */
  chainCalls: XdpAction[];
  /** Whether it can do with packets in several pieces. */
  frags: boolean;
}

/** What runs now and gives way. */
export interface RunningGeneration {
  id: number;
  variant: Variant;
  programs: RecordedProgram[];
  index: BtfIndex;
  /** A map as the newest generation has it that has one of the name: maps that the running one lacks stay pinned for a rollback. */
  mapBefore(name: string): Promise<MapBefore | undefined>;
  /** What was loaded. */
  object(): Promise<Uint8Array>;
}

/** A map whose contents are pinned. */
export interface MapBefore {
  map: VariantMap;
  /** The object that defines it, whose BTF tells what is in it. */
  object(): Promise<Uint8Array>;
}

/** What is to run. */
export interface NewGeneration {
  id: number;
  index: BtfIndex;
  variant: Variant;
  object: Uint8Array;
  /** Minimal BTF to relocate against, where the kernel has none of its own. */
  supplement?: Uint8Array | undefined;
  /** Where its programs go, each once for each of its targets. */
  attachments: readonly Attachment[];
  /** Load parameters that are not at their defaults. */
  parameters: ParameterValues;
  /** Maps whose contents may be lost. Default: none. */
  discardMaps?: readonly string[] | undefined;
}

/** A map of a generation, and what it has of the one before: `kept` is the same map, `copied` one with its entries. */
export interface CarriedMap {
  name: string;
  contents: 'new' | 'kept' | 'copied';
}

/** What an activation works with. */
export interface ActivateOptions {
  kernel: Kernel;
  pins: ServicePins;
  next: NewGeneration;
  /** Default: none, as at an install. */
  running?: RunningGeneration | undefined;
  timer: StepTimer;
  /** Where the node's other services are found. Default: none are looked for. */
  context?: BringUpContext;
}

/** An activation that can still be undone. */
export interface Activation {
  programs: AttachedProgram[];
  maps: CarriedMap[];
  /** The slot of the service's stubs that its programs are in; absent where it has no stubs. */
  slot?: number;
  /** What people should know. */
  warnings: string[];
  /** Ends it: what ran before is detached and its pins are removed. */
  commit(): Promise<void>;
  /** Undoes it: what ran before runs again, nothing of the new is left. @returns what could not be undone, a line each. */
  undo(): Promise<string[]>;
}
