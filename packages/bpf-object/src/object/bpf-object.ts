import type { BtfExt, CoreRelocationRecord } from '../btf-ext/parse-btf-ext.ts';
import type { Btf } from '../btf/btf.ts';
import type { ProgramAttachment } from './attach.ts';
import type { Instruction } from './instruction.ts';

/** What an instruction refers to. */
export type Reference =
  | { kind: 'map'; map: string; offset: number }
  | { kind: 'extern'; name: string }
  | { kind: 'kfunc'; name: string }
  /** A static call or the address of a function (a callback); `index` into the object's functions. */
  | { kind: 'call' | 'callback'; function: string; index: number };

/** A function of the object: a program, or a subprogram. */
export interface BpfFunction {
  name: string;
  section: string;
  /** In bytes from the start of the section. */
  offset: number;
  global: boolean;
  instructions: readonly Instruction[];
  /** Index of an instruction → what it refers to. */
  references: ReadonlyMap<number, Reference>;
  /** CO-RE relocations; `offset` counts from the start of the section. */
  relocations: readonly CoreRelocationRecord[];
}

/** A program. */
export interface BpfProgram {
  name: string;
  /** As written, without a leading `?`. */
  section: string;
  /** false for `SEC("?…")`: loaded only when asked for. */
  autoload: boolean;
  attachment: ProgramAttachment;
  /** The program's own function first, then all that static calls and callbacks reach, in order of first use. */
  functions: readonly BpfFunction[];
  /** Names of maps that it refers to, sorted; internal ones too. */
  maps: readonly string[];
  /** Names of helpers that it calls, sorted. */
  helpers: readonly string[];
  /** Names of externs that it refers to, sorted. */
  externs: readonly string[];
}

/** A map. */
export interface BpfMap {
  /** Variable name, or the section's name for the maps of global data: `.rodata`. */
  name: string;
  /** libbpf's map type name. */
  type: string;
  /** In bytes. */
  keySize: number;
  /** In bytes. */
  valueSize: number;
  /** 0 where the loader's user must supply it. */
  maxEntries: number;
  /** BPF_F_*. */
  flags: number;
  /** `by-name` asks the loader to pin and reuse it. */
  pinning: 'none' | 'by-name';
  /** BTF ids of key and value, where the definition gives types. */
  keyType?: number;
  valueType?: number;
  /** Definition of the maps in a map of maps. */
  inner?: BpfMap;
  /** For a map of maps, and a program array: maps, or programs, of the object that the loader puts into it. Absent = none. */
  contents?: readonly { slot: number; name: string }[];
  /** Global data. */
  internal: boolean;
  /** For global data: initial bytes (empty for `.bss`). */
  data?: Uint8Array;
  /** For struct_ops: what the struct is. */
  structOps?: StructOps;
}

/** A struct of functions that the kernel calls. */
export interface StructOps {
  /** The kernel type, e.g. `tcp_congestion_ops`. */
  type: string;
  /** Names of the programs that its members name. */
  programs: readonly string[];
  /** Names of the members that name a program or are not zero, in the order of the type. */
  members: readonly string[];
  /** Whether it is attached by a link (`.struct_ops.link`). */
  link: boolean;
}

/** A symbol that the kernel or its configuration supplies. */
export interface BpfExtern {
  name: string;
  kind: 'kconfig' | 'ksym' | 'kfunc';
  weak: boolean;
  /** Whether its type is known; kfuncs always are. */
  typed: boolean;
  typeId: number;
}

/** A global variable. */
export interface BpfVariable {
  name: string;
  /** The map of global data that holds it, e.g. `.rodata`. */
  map: string;
  /** In bytes from the start of the map's value. */
  offset: number;
  /** In bytes. */
  size: number;
}

/** A BPF object file, read as libbpf 1.x reads it. */
export interface BpfObject {
  littleEndian: boolean;
  /** Content of the `license` section, e.g. `GPL`; empty where there is none. */
  license: string;
  btf: Btf | undefined;
  btfExt: BtfExt | undefined;
  functions: readonly BpfFunction[];
  programs: readonly BpfProgram[];
  maps: readonly BpfMap[];
  externs: readonly BpfExtern[];
  /** Global variables with symbols of their own, in the order of the symbols. */
  variables: readonly BpfVariable[];
}
