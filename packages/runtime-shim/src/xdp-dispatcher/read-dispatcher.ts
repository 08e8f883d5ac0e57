import { join } from 'node:path';
import { KernelError } from '../kernel/kernel-error.ts';
import { Arena } from '../kernel/native/arena.ts';
import { type Bpf, COMMAND } from '../kernel/native/bpf.ts';
import { callError, errnoName } from '../kernel/native/errno.ts';
import { LINK_TYPES } from '../kernel/native/names.ts';
import { readInterfaceProgram, type XdpMode } from './interface-xdp.ts';
import { type ComponentConfig, CONFIG_SIZE, decodeConfig, DISPATCHER_NAME, folderName, pinNames } from './protocol.ts';

/** Offsets in `struct bpf_prog_info` (include/uapi/linux/bpf.h). */
const PROGRAM_INFO = { mapCount: 52, maps: 56, name: 64 } as const;
const PROGRAM_INFO_SIZE = 232;
/** Links that are looked at to find the one that holds an interface's program. */
const MAX_LINKS = 1_000_000;

/** A component of a dispatcher. */
export interface Component extends ComponentConfig {
  /** Kernel's program id. */
  programId: number;
  /** As the kernel has it: at most 15 characters. */
  name: string;
}

/** What is on an interface. `linkId`: of the link that holds it; absent where it was put there by netlink, as `ip` and libxdp do. */
export type XdpOccupant =
  | { kind: 'none' }
  | { kind: 'program'; programId: number; name: string; mode: XdpMode; linkId?: number }
  | {
      kind: 'dispatcher';
      programId: number;
      mode: XdpMode;
      /** Of the protocol. */
      version: number;
      linkId?: number;
      /** In the order in which they run; `undefined` where their pins cannot be read. */
      components: Component[] | undefined;
    };

/** What is on an interface, as the kernel and the pins in a folder say it. */
export function readOccupant(bpf: Bpf, interfaceIndex: number, folder: string): XdpOccupant {
  const found = readInterfaceProgram(bpf.native, interfaceIndex);
  if (!found) return { kind: 'none' };
  const { id: programId, mode } = found;
  const program = describeProgram(bpf, programId);
  if (program === 'hidden') return { kind: 'program', programId, name: `with the id ${programId}`, mode };
  // It went while it was looked at.
  if (!program) return { kind: 'none' };
  const link = findXdpLink(bpf, interfaceIndex, programId);
  const linkId = link === undefined ? {} : { linkId: link };
  if (!program.config) return { kind: 'program', programId, name: program.name, mode, ...linkId };
  const { version, components } = program.config;
  const pins = join(folder, folderName(interfaceIndex, programId));
  return { kind: 'dispatcher', programId, mode, version, ...linkId, components: readComponents(bpf, pins, components) };
}

function readComponents(bpf: Bpf, pins: string, configs: readonly ComponentConfig[]): Component[] | undefined {
  const components: Component[] = [];
  for (const [slot, config] of configs.entries()) {
    const fd = bpf.open(join(pins, pinNames(slot).program));
    if (fd < 0) return undefined;
    try {
      const info = bpf.info(fd);
      components.push({ ...config, programId: info.readUInt32LE(4), name: nameOf(info) });
    } finally {
      bpf.native.close(fd);
    }
  }
  return components;
}

/** `hidden`: without CAP_SYS_ADMIN nobody may open what others loaded (kernel/bpf/syscall.c, bpf_prog_get_fd_by_id). */
function describeProgram(
  bpf: Bpf,
  id: number,
): { name: string; config: ReturnType<typeof decodeConfig> } | 'hidden' | undefined {
  let fd: number | undefined;
  try {
    fd = openById(bpf, COMMAND.programFdById, id);
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ERR_KERNEL_PRIVILEGE') return 'hidden';
    throw error;
  }
  if (fd === undefined) return undefined;
  try {
    using arena = new Arena();
    const maps = arena.allocate(4);
    const info = arena.allocate(PROGRAM_INFO_SIZE);
    info.bytes.writeUInt32LE(1, PROGRAM_INFO.mapCount);
    info.bytes.writeBigUInt64LE(maps.address, PROGRAM_INFO.maps);
    const asked = bpf.call(COMMAND.info, (attr) => {
      attr.writeUInt32LE(fd, 0);
      attr.writeUInt32LE(PROGRAM_INFO_SIZE, 4);
      attr.writeBigUInt64LE(info.address, 8);
    });
    if (asked < 0) throw callError('ERR_KERNEL_CALL', `asking about program ${id}`, asked);
    const name = nameOf(info.bytes);
    if (name !== DISPATCHER_NAME || info.bytes.readUInt32LE(PROGRAM_INFO.mapCount) !== 1)
      return { name, config: undefined };
    return { name, config: readConfig(bpf, maps.bytes.readUInt32LE(0)) };
  } finally {
    bpf.native.close(fd);
  }
}

function readConfig(bpf: Bpf, mapId: number): ReturnType<typeof decodeConfig> {
  const fd = openById(bpf, COMMAND.mapFdById, mapId);
  if (fd === undefined) return undefined;
  try {
    const info = bpf.info(fd);
    const size = info.readUInt32LE(12);
    if (info.readUInt32LE(8) !== 4 || info.readUInt32LE(16) !== 1 || size > CONFIG_SIZE) return undefined;
    using arena = new Arena();
    const value = arena.allocate(CONFIG_SIZE);
    const read = bpf.call(COMMAND.mapLookup, (attr) => {
      attr.writeUInt32LE(fd, 0);
      attr.writeBigUInt64LE(arena.copy(Buffer.alloc(4)), 8);
      attr.writeBigUInt64LE(value.address, 16);
    });
    return read < 0 ? undefined : decodeConfig(Buffer.from(value.bytes.subarray(0, size)));
  } finally {
    bpf.native.close(fd);
  }
}

/** The link that holds a program at an interface; `undefined` where none does. */
function findXdpLink(bpf: Bpf, interfaceIndex: number, programId: number): number | undefined {
  const attr = Buffer.alloc(144);
  for (let i = 0, id = 0; i < MAX_LINKS; i++) {
    attr.fill(0);
    attr.writeUInt32LE(id, 0);
    if (bpf.callWith(COMMAND.linkNextId, attr) < 0) return undefined;
    id = attr.readUInt32LE(4);
    const fd = openById(bpf, COMMAND.linkFdById, id);
    if (fd === undefined) continue;
    try {
      const info = bpf.info(fd);
      const isXdp = LINK_TYPES[info.readUInt32LE(0)] === 'xdp';
      if (isXdp && info.readUInt32LE(8) === programId && info.readUInt32LE(16) === interfaceIndex) return id;
    } finally {
      bpf.native.close(fd);
    }
  }
  return undefined;
}

/** Opens an object by its id; `undefined` where it is gone. */
export function openById(bpf: Bpf, command: number, id: number): number | undefined {
  const fd = bpf.call(command, (attr) => attr.writeUInt32LE(id, 0));
  if (fd >= 0) return fd;
  if (errnoName(fd) === 'ENOENT') return undefined;
  throw callError('ERR_KERNEL_CALL', `opening the BPF object ${id}`, fd);
}

function nameOf(info: Buffer): string {
  const bytes = info.subarray(PROGRAM_INFO.name, PROGRAM_INFO.name + 16);
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
}
