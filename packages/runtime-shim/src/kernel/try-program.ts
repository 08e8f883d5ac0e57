import { assemble, type Instruction } from './native/assemble.ts';
import { Arena } from './native/arena.ts';
import { type Bpf, COMMAND } from './native/bpf.ts';
import { ATTACH_TYPES, PROGRAM_TYPES } from './native/names.ts';

/** Bytes of verifier log that a trial reads. */
export const LOG_SIZE = 4096;
/** Bytes of `struct bpf_func_info`. */
const FUNCTION_INFO_SIZE = 8;

/** Attach types that a program type does not load without, or that libbpf always sets and helpers go by (cgroup_common_func_proto). */
const EXPECTED_ATTACH_TYPE: Readonly<Record<string, string>> = {
  cgroup_device: 'cgroup_device',
  cgroup_sysctl: 'cgroup_sysctl',
  sock_ops: 'cgroup_sock_ops',
  cgroup_sock_addr: 'cgroup_inet4_connect',
  cgroup_sockopt: 'cgroup_getsockopt',
  lirc_mode2: 'lirc_mode2',
  sk_lookup: 'sk_lookup',
  // Some hosts refuse what would change a function, and nothing else of the type.
  tracing: 'trace_raw_tp',
  lsm: 'lsm_mac',
  netfilter: 'netfilter',
};
/** Types that load only onto something of the kernel's BTF. */
const NEEDS_TARGET: ReadonlySet<string> = new Set(['tracing', 'lsm', 'ext']);

/** A program to try. */
export interface TrialProgram {
  type: string;
  instructions: readonly Instruction[];
  /** BPF_F_* for BPF_PROG_LOAD. */
  flags?: number;
  /** What it is for, by its id in the kernel's BTF. Default, for types that need one: 1, which is none. */
  attachBtfId?: number;
  /** Its expected attach type. Default: the one that its type does not load without, or 0. */
  attachType?: number;
  /** BTF of its functions: its descriptor; and the first instruction and the type id of each. */
  btf?: { fd: number; functions: readonly (readonly [number, number])[] };
  /** Goes on with the loaded program; its result, below zero `-errno`, is the trial's. */
  use?: (fd: number) => number;
}

/** What came of a trial. `result` below zero is `-errno`. */
export interface TrialResult {
  result: number;
  log: string;
}

/** Memory that trials use one after the other: thousands of them are asked for when facts are exported. It is kept, some KB. */
class Scratch {
  readonly #arena = new Arena();
  readonly log = this.#arena.allocate(LOG_SIZE);
  readonly #instructions = this.#arena.allocate(MAX_PLACED);
  readonly licence: bigint = this.#arena.string(LICENCE);

  /** The instructions' address; undefined for those that do not fit. */
  place(bytes: Uint8Array): bigint | undefined {
    if (bytes.length > MAX_PLACED) return undefined;
    this.#instructions.bytes.set(bytes);
    return this.#instructions.address;
  }
}

const LICENCE = 'GPL';
/** Bytes of instructions that trials usually have at most. */
const MAX_PLACED = 1024;
const scratches = new WeakMap<Bpf, Scratch>();

function scratchOf(bpf: Bpf): Scratch {
  let scratch = scratches.get(bpf);
  if (scratch === undefined) scratches.set(bpf, (scratch = new Scratch()));
  return scratch;
}

/** Loads a program only to see whether it loads. */
export function tryProgram(bpf: Bpf, program: TrialProgram): TrialResult {
  const number = PROGRAM_TYPES.indexOf(program.type);
  if (number < 0) return { result: -22, log: '' };
  using arena = new Arena();
  const scratch = scratchOf(bpf);
  const memory = scratch.log;
  memory.bytes[0] = 0;
  const result = bpf.call(COMMAND.programLoad, (attr) => {
    fillProgram(attr, arena, program, scratch);
    attr.writeUInt32LE(1, 24);
    attr.writeUInt32LE(LOG_SIZE, 28);
    attr.writeBigUInt64LE(memory.address, 32);
  });
  const log = memory.bytes.toString('latin1', 0, Math.max(memory.bytes.indexOf(0), 0));
  if (result < 0) return { result, log };
  try {
    return { result: program.use?.(result) ?? result, log };
  } finally {
    bpf.native.close(result);
  }
}

/** Where what a trial shares with others is already; the instructions where they fit. */
interface Placed {
  place: (instructions: Uint8Array) => bigint | undefined;
  licence?: bigint;
}

/** Writes `union bpf_attr` for BPF_PROG_LOAD. What is not placed is copied into the arena. */
export function fillProgram(attr: Buffer, arena: Arena, program: TrialProgram, placed?: Placed): void {
  const { type, instructions, flags = 0, btf } = program;
  const bytes = assemble(instructions);
  attr.writeUInt32LE(PROGRAM_TYPES.indexOf(type), 0);
  attr.writeUInt32LE(bytes.length / 8, 4);
  attr.writeBigUInt64LE(placed?.place(bytes) ?? arena.copy(bytes), 8);
  attr.writeBigUInt64LE(placed?.licence ?? arena.string(LICENCE), 16);
  attr.writeUInt32LE(flags, 44);
  attr.writeUInt32LE(program.attachType ?? Math.max(ATTACH_TYPES.indexOf(EXPECTED_ATTACH_TYPE[type] ?? ''), 0), 68);
  if (btf) {
    attr.writeUInt32LE(btf.fd, 72);
    attr.writeUInt32LE(FUNCTION_INFO_SIZE, 76);
    attr.writeBigUInt64LE(arena.copy(Buffer.from(Uint32Array.from(btf.functions.flat()).buffer)), 80);
    attr.writeUInt32LE(btf.functions.length, 88);
  }
  const attachBtfId = program.attachBtfId ?? (NEEDS_TARGET.has(type) ? 1 : 0);
  if (attachBtfId > 0) attr.writeUInt32LE(attachBtfId, 108);
}
