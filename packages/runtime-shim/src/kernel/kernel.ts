import type { AttachTarget, NetworkInterfaceFacts } from '@bpfship/portability';
import type { BtfIds } from './native/find-btf-ids.ts';
import type { DispatcherChange, DispatcherFolders, DispatcherState } from '../xdp-dispatcher/change-dispatcher.ts';
import type { XdpOccupant } from '../xdp-dispatcher/read-dispatcher.ts';
import type { LibbpfOrigin } from './native/find-libbpf.ts';

/**
 * Every call that the shim makes into the kernel, behind one interface. The implementation runs libbpf in a worker thread, so that a
 * slow load or an RCU wait never blocks the caller's event loop. Ids are handles of that worker, not kernel ids.
 */
export interface Kernel extends AsyncDisposable {
  /** Version of the libbpf in use, e.g. `1.7`, the file, and whose it is: bpfship’s `own`, the `system`’s or a `named` one. */
  library(): Promise<{ version: string; path: string; origin: LibbpfOrigin }>;
  /**
   * Answers feature questions as libbpf's probes do; unknown where the right to probe is missing.
   *
   * @param btfIds - from `findBtfIds` for `PROBED_TYPES`, where somebody has read the kernel's BTF already. Default: read where needed.
   */
  probe(questions: ProbeQuestion[], btfIds?: BtfIds): Promise<(boolean | undefined)[]>;
  /** The features that `probe` can be asked for. */
  probedFeatures(): Promise<string[]>;
  /** The network interfaces of this process's network namespace. */
  interfaces(): Promise<Record<string, NetworkInterfaceFacts>>;
  /** A folder below which tracefs can be read while this kernel is open, for nodes where it is mounted nowhere; needs CAP_SYS_ADMIN. */
  tracefs(): Promise<string | undefined>;
  /** Opens, relocates and loads an object from memory. Nothing is attached yet. @throws {KernelError} with the verifier's log. */
  load(options: LoadOptions): Promise<LoadedObject>;
  /** Pins maps and programs of a loaded object, all or none. */
  pinObject(object: number, pins: { maps: Record<string, string>; programs: Record<string, string> }): Promise<void>;
  /**
   * Attaches one program of a loaded object, of any type that libbpf attaches, and pins the link or what stands for it. The programs of a
   * struct_ops (TCP congestion control, sched_ext, and so on) are attached together, by the name of the struct_ops map.
   *
   * @throws {KernelError} `ERR_KERNEL_ATTACH`, which names the target that is missing, not there, or taken; `ERR_KERNEL_PRIVILEGE`.
   */
  attach(object: number, program: string, options: AttachOptions): Promise<AttachedLink>;
  /** Attaches one program, whose section names the whole hook, and detaches it at once. @throws {KernelError} `ERR_KERNEL_ATTACH`. */
  tryAttach(object: number, program: string): Promise<void>;
  /** Puts a loaded program in the place of the one a pinned link runs, without a gap (`bpf_link_update`). @throws {KernelError} `ERR_KERNEL_LINK_UPDATE_UNSUPPORTED`, `ERR_KERNEL_LINK_DEAD`. */
  updateLink(linkPin: string, object: number, program: string): Promise<void>;
  /** As {@link updateLink}, with a pinned program: the way back when a switch fails half way. */
  updateLinkToPin(linkPin: string, programPin: string): Promise<void>;
  /** Makes the link of a pinned struct_ops map anew, after another one had its place. */
  relinkStructOps(mapPin: string, linkPin: string): Promise<AttachedLink>;
  /** Pins the object of a pin a second time. */
  copyPin(from: string, to: string): Promise<void>;
  /** Takes the kernel's exclusive lock on a file; `undefined` where another process has it. */
  lockFile(path: string): Promise<number | undefined>;
  /** Gives the lock back. */
  unlockFile(lock: number): Promise<void>;
  /** Removes a pinned link: unpins it, which detaches it once nobody else holds it; forced where the kernel can. */
  removeLink(linkPin: string): Promise<void>;
  /** What XDP runs on an interface. @param folder - where the pins of dispatchers are: `<bpffs>/xdp`. */
  xdpOccupant(interfaceName: string, folder: string): Promise<XdpOccupant>;
  /** Why several XDP programs cannot share an interface on this machine; `undefined` where they can. */
  xdpSharingProblem(): Promise<string | undefined>;
  /** Changes which XDP programs share an interface, in one step for its packets. @throws {KernelError} `ERR_KERNEL_ATTACH`, after which all is as it was. */
  changeXdpDispatcher(change: Omit<DispatcherChange, 'btf'>): Promise<DispatcherState>;
  /** Takes programs, by their ids, out of every XDP dispatcher that they are in. */
  leaveXdpDispatchers(leave: { folders: DispatcherFolders; programs: readonly number[] }): Promise<void>;
  /** Removes what interrupted changes have left of XDP dispatchers. @returns what was done, a line each. */
  cleanXdpDispatchers(folders: DispatcherFolders): Promise<string[]>;
  /** Closes a loaded object; what is pinned stays. */
  close(object: number): Promise<void>;
  /** The instructions of a program of a loaded object as the kernel got them, 8 bytes each, its functions behind one another. */
  programInstructions(object: number, program: string): Promise<Uint8Array>;
  /** Lets a loaded object take a pinned program for its own one of that name: what it attaches from then on is the pinned one. */
  usePinned(object: number, program: string, programPin: string): Promise<void>;
  /** Makes and pins the selector of a service's stubs, which names slot 0 at first; nothing where it is pinned already. */
  makeSelector(pin: string): Promise<void>;
  /** The slot that the stubs go on in; `undefined` where no selector is pinned. */
  readSelector(pin: string): Promise<number | undefined>;
  /** Switches all stubs of the selector to a slot, from the next event on. */
  writeSelector(pin: string, slot: number): Promise<void>;
  /**
   * Loads stubs and pins each with its two empty slots: all of them, or none. They are attached as programs of any object are.
   *
   * @throws {KernelError} `ERR_KERNEL_LOAD_REJECTED` where the kernel takes one of them not.
   */
  loadStubs(selectorPin: string, stubs: readonly StubOptions[]): Promise<LoadedObject>;
  /** Puts a program of the kernel, by its id, into a pinned program array. @throws {KernelError} `ERR_KERNEL_SLOT`, `ERR_KERNEL_NOT_FOUND`. */
  fillSlotById(arrayPin: string, slot: number, programId: number): Promise<void>;
  /** Puts a pinned program into a slot of a stub, or of another program array; or a pinned map into one of a map of maps. @throws {KernelError} `ERR_KERNEL_SLOT` where it does not go with the stub. */
  fillSlot(slotsPin: string, slot: number, programPin: string): Promise<void>;
  /** Empties a slot. */
  clearSlot(slotsPin: string, slot: number): Promise<void>;
  /** Kernel ids of the programs in a stub's slots; `undefined` for an empty one. None where nothing is pinned there. */
  readSlots(slotsPin: string): Promise<(number | undefined)[]>;
  /** Waits until every BPF program that runs now has come to its end; some milliseconds. */
  settle(): Promise<void>;
  /** Gives memory back that is not used for now; for processes that live long. */
  trim(): Promise<void>;
  /** The running kernel's BTF, read and hashed beside what the caller does meanwhile; `undefined` where there is none to read. */
  readBtf(): Promise<{ bytes: Uint8Array; digest: string } | undefined>;
  /** What the kernel knows of a pinned object. */
  inspectPin(path: string): Promise<PinnedInfo | undefined>;
  /** How far a pinned ring buffer has come; `undefined` for any other map, and where there is no such pin. */
  ringPosition(pin: string): Promise<RingPosition | undefined>;
  /** The value at a key of a pinned map; `undefined` where it has none. Per-CPU values follow one another. */
  lookUpEntry(pin: string, key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Reads a piece of a pinned map's entries. Per-CPU values follow one another, each padded to 8 bytes. */
  readEntries(options: ReadEntriesOptions): Promise<MapEntries>;
  /** Writes entries into a pinned map. @throws {KernelError} `ERR_KERNEL_MAP_FULL` where they have no room. */
  writeEntries(options: WriteEntriesOptions): Promise<WrittenEntries>;
  /** What the kernel counts of a pinned program; `undefined` where there is no such pin. */
  programStats(programPin: string): Promise<ProgramStats | undefined>;
  /** Lets the kernel count runs and time of programs until {@link closeStats}. @throws {KernelError} `ERR_KERNEL_PRIVILEGE`, `ERR_KERNEL_CALL` before Linux 5.8. */
  openStats(): Promise<number>;
  /** Gives back what {@link openStats} gave. */
  closeStats(stats: number): Promise<void>;
  /** As {@link inspectPin} for many, in one go; one that cannot be opened is not there. */
  inspectPins(paths: string[]): Promise<(PinnedInfo | undefined)[]>;
  /** Reads all entries of a pinned map, up to `limit`. Per-CPU values are concatenated. */
  dumpMap(path: string, limit: number): Promise<{ key: Uint8Array; value: Uint8Array }[]>;
}

/** Whether programs of a type may make an access to their context. */
export interface ContextQuestion {
  kind: 'context-field';
  programType: string;
  /** libbpf's name. Default: none, or the one without which the type does not load. */
  attachType?: string;
  access: 'read' | 'write' | 'write-number';
  /** In bytes. */
  offset: number;
  size: number;
}

/** One feature question. Program and map types by libbpf's names. */
export type ProbeQuestion =
  | { kind: 'program-type'; programType: string }
  | { kind: 'map-type'; mapType: string }
  /** `form`: in that form of the type alone, e.g. `trace_iter`. */
  | { kind: 'helper'; programType: string; helper: string; form?: string }
  | { kind: 'kfunc'; programType: string; kfunc: string }
  | ContextQuestion
  /** Whether a function that is in the kernel's BTF is in its symbols too; never false. */
  | { kind: 'function'; name: string }
  /** Whether programs may change what a function of the kernel image returns (fmod_ret). */
  | { kind: 'modifiable'; name: string }
  | { kind: 'feature'; feature: string };

/** What to load. */
export interface LoadOptions {
  /** Used in the kernel's object names and messages. */
  name: string;
  /** ELF bytes, already verified. */
  bytes: Uint8Array;
  /** Pinned maps to use in place of new ones: map name → path. */
  reuseMaps?: Record<string, string>;
  /** Global variables to set before the kernel gets them. Default: none, all have the values of the object. */
  variables?: readonly VariableValue[];
  /** Numbers of entries that maps are to have, whatever the object says. Default: what the object says. */
  mapSizes?: Readonly<Record<string, number>>;
  /** BTF to relocate against in place of the kernel's own. */
  customBtfPath?: string;
  /** XDP programs to load as components of a dispatcher: what such a program is cannot be changed later. Default: none. */
  components?: readonly string[];
  /** Loads a program a second time and no other: it shares the global variables of the one that is pinned there. */
  twin?: { program: string; pin: string };
  /**
   * Targets of programs whose section does not name them, and which are looked up when the program is loaded: fentry and its like, BTF
   * tracepoints, LSM hooks, and for freplace the program with the function that is replaced. Program name → target.
   */
  targets?: Record<string, { symbol: string; programPin?: string }>;
  /**
   * Only to see whether it loads: maps are not pinned, whatever the object says, sizes that it leaves to user space are filled in, and where `program` is given it alone is loaded, also one that
   * does not load by default (`SEC("?…")`).
   */
  trial?: { program?: string };
}

/** What a global variable is to hold. */
export interface VariableValue {
  /** The map of global data that it is in, e.g. `.rodata`. */
  map: string;
  /** In bytes from the start of the map's value. */
  offset: number;
  bytes: Uint8Array;
}

/** A loaded object. */
export interface LoadedObject {
  id: number;
  programs: { name: string; id: number; tag: string; type: string; section: string }[];
  maps: { name: string; id: number; type: string; keySize: number; valueSize: number; maxEntries: number }[];
}

/** Where to attach; the target has no patterns any more. What a section says need not be said again; where both do, the target counts. */
export interface AttachOptions extends AttachTarget {
  /** Where to keep the attachment: the pin of its link, or a folder with all that stands for it (`attach/attachment-record.ts`). */
  linkPin: string;
  /** For TCX and netkit: before or behind what is there. Default `last`. */
  order?: 'first' | 'last';
  /** The pin of the map `mapName`, where the object has it not. */
  mapPin?: string;
  /**
   * For struct_ops: an attachment that gives way where the kernel has no room for both, right before this one is made; where that fails it
   * comes back, if it is a link.
   */
  replaces?: string;
  /** Attach as kernels do that have no link for this hook. Default: only where there is none. */
  withoutLink?: boolean;
}

/**
 * How an attachment holds.
 *
 * - `link`: by pinned links of the kernel.
 * - `perf-event-array`: perf events whose links cannot be pinned (before Linux 5.15), in a pinned map that keeps them.
 * - `holder`: a descriptor that a process of its own keeps open.
 * - `tc-filter`: a classifier on the interface's clsact qdisc.
 * - `netlink`: XDP without a link.
 * - `program-attach`: by BPF_PROG_ATTACH, without a link.
 * - `registered-map`: struct_ops without a link.
 */
export type AttachWay =
  | 'link'
  | 'perf-event-array'
  | 'holder'
  | 'tc-filter'
  | 'netlink'
  | 'program-attach'
  | 'registered-map';

/** What holds a program at its hook. */
export interface AttachedLink {
  pin: string;
  /** Kernel's link id, of several links the first; below zero where there is no link. */
  id: number;
  /** The kernel's name of the link's type, or what the link would be; `tc` and `socket_filter` have none. */
  type: string;
  way: AttachWay;
  /** What was to be replaced was detached before: there was none at the hook for a moment. */
  gap?: true;
}

/** A stub: a program that stays at its hook and goes on in the program of the generation that runs. */
export interface StubOptions {
  /** Name of the program; unique among those that are loaded with it. */
  name: string;
  /** Section of the programs that it stands for; says type, attach type and, where they do, the target. */
  section: string;
  /** What it returns where its slot is empty. */
  result: number;
  /** Bytes of its context that the programs behind it read at most; 0 where that needs no check. */
  contextBytes: number;
  /** Makes the address of the function that it is at known to the programs behind it (`bpf_get_func_ip`). */
  functionIp: boolean;
  programPin: string;
  slotsPin: string;
}

/** What the kernel knows of a pinned object. */
export type PinnedInfo =
  | { kind: 'map'; id: number; name: string; type: string; keySize: number; valueSize: number; maxEntries: number }
  | { kind: 'program'; id: number; name: string; type: string; tag: string }
  /** `id`, `type`, `way`: as of {@link AttachedLink}. `dead`: what it was attached to, e.g. the network device, is gone, or somebody detached it. */
  | { kind: 'link'; id: number; type: string; way: AttachWay; programId: number; dead: boolean };

/** How far a ring buffer has come: bytes since it was made, and its size. */
export interface RingPosition {
  produced: bigint;
  consumed: bigint;
  size: number;
}

/** Which entries to read. */
export interface ReadEntriesOptions {
  pin: string;
  /** `next` of the piece before. Default: from the beginning. */
  after?: Uint8Array;
  /** Entries that a piece has about at most. */
  limit: number;
}

/** A piece of a map's entries: keys and values one after the other. */
export interface MapEntries {
  count: number;
  keys: Uint8Array;
  values: Uint8Array;
  /** Where to go on; absent at the end. */
  next?: Uint8Array;
}

/** Entries to write. */
export interface WriteEntriesOptions {
  pin: string;
  count: number;
  keys: Uint8Array;
  values: Uint8Array;
  /** Leaves entries as they are that the map has already. Default false. */
  onlyMissing?: boolean;
}

/** What became of the entries: written, or left since the map had them. */
export interface WrittenEntries {
  written: number;
  present: number;
}

/** What the kernel counts of a program. */
export interface ProgramStats {
  /** The kernel's id of the program. */
  id: number;
  /** Runs, and their time together, while the kernel was told to count. */
  runs: bigint;
  nanoseconds: bigint;
  /** Runs that were left out since the program was running already on that CPU; 0 before Linux 5.12. */
  missed: bigint;
  /** Instructions that the verifier went through; 0 before Linux 5.16. */
  verified: number;
  /** Bytes that the kernel accounts to it. */
  memory: number;
}
