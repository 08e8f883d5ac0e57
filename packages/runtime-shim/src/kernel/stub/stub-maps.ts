import { Arena } from '../native/arena.ts';
import { type Bpf, COMMAND } from '../native/bpf.ts';
import { callError, errnoName } from '../native/errno.ts';
import { mapTypeNumber } from '../native/map-types.ts';

/** A generation's programs are in one of them, those of the one before or after in the other. */
export const SLOTS = 2;
const MAP_DELETE = 3;

/** Makes the map that says which slot all stubs of a service go on in, at first 0, and pins it. Nothing where there is one already. */
export function makeSelector(bpf: Bpf, pin: string): void {
  const there = bpf.open(pin);
  if (there >= 0) {
    bpf.native.close(there);
    return;
  }
  withNewMap(bpf, { type: 'array', name: 'selector', entries: 1 }, (fd) => bpf.pin(fd, pin));
}

/** The slot that the stubs go on in; `undefined` where there is no selector. */
export function readSelector(bpf: Bpf, pin: string): number | undefined {
  const fd = bpf.open(pin);
  if (fd < 0) return undefined;
  try {
    return lookUp(bpf, fd, 0);
  } finally {
    bpf.native.close(fd);
  }
}

/** Says which slot all stubs go on in, from the next event on. */
export function writeSelector(bpf: Bpf, pin: string, slot: number): void {
  bpf.withPinned(pin, (fd) => {
    const result = update(bpf, fd, 0, slot);
    if (result < 0) throw callError('ERR_KERNEL_CALL', `writing the selector ${pin}`, result);
  });
}

/** Makes slots for a stub, which are kept by their pin. @returns their descriptor, which is the caller's. */
export function makeSlots(bpf: Bpf, pin: string): number {
  const fd = createMap(bpf, { type: 'prog_array', name: 'slots', entries: SLOTS });
  try {
    bpf.pin(fd, pin);
    return fd;
  } catch (error) {
    bpf.native.close(fd);
    throw error;
  }
}

/** Puts a pinned program, or map, into a slot. @throws {KernelError} `ERR_KERNEL_SLOT` where the kernel says that it does not go with the stub. */
export function fillSlot(bpf: Bpf, pin: string, slot: number, programPin: string): void {
  bpf.withPinned(programPin, (program) =>
    bpf.withPinned(pin, (fd) => {
      const result = update(bpf, fd, slot, program);
      if (result < 0) throw callError('ERR_KERNEL_SLOT', `putting ${programPin} into ${pin}`, result);
    }),
  );
}

/** Puts a program that somebody holds into a slot of a program array. @throws {KernelError} `ERR_KERNEL_NOT_FOUND` where nobody holds it any more. */
export function fillSlotById(bpf: Bpf, pin: string, slot: number, programId: number): void {
  const program = bpf.call(COMMAND.programFromId, (attr) => attr.writeUInt32LE(programId, 0));
  if (program < 0) throw callError('ERR_KERNEL_NOT_FOUND', `opening program ${programId}`, program);
  try {
    bpf.withPinned(pin, (fd) => {
      const result = update(bpf, fd, slot, program);
      if (result < 0) throw callError('ERR_KERNEL_SLOT', `putting program ${programId} into ${pin}`, result);
    });
  } finally {
    bpf.native.close(program);
  }
}

/** Empties a slot; nothing where it is empty. */
export function clearSlot(bpf: Bpf, pin: string, slot: number): void {
  bpf.withPinned(pin, (fd) => {
    const result = mapCall(bpf, MAP_DELETE, fd, slot);
    if (result < 0 && errnoName(result) !== 'ENOENT') throw callError('ERR_KERNEL_CALL', `emptying ${pin}`, result);
  });
}

/** Kernel ids of the programs in the slots; `undefined` for an empty one. None where there is no such pin. */
export function readSlots(bpf: Bpf, pin: string): (number | undefined)[] {
  const fd = bpf.open(pin);
  if (fd < 0) return [];
  try {
    return Array.from({ length: SLOTS }, (_, slot) => lookUp(bpf, fd, slot));
  } finally {
    bpf.native.close(fd);
  }
}

/**
 * Waits until every program that runs now has come to its end: the kernel does so before it returns from writing to a map of maps
 * (kernel/bpf/syscall.c, maybe_wait_bpf_programs).
 */
export function settle(bpf: Bpf): void {
  withNewMap(bpf, { type: 'array', name: 'inner', entries: 1 }, (inner) =>
    withNewMap(bpf, { type: 'array_of_maps', name: 'settle', entries: 1, inner }, (fd) => {
      const result = update(bpf, fd, 0, inner);
      if (result < 0) throw callError('ERR_KERNEL_CALL', 'waiting for running programs', result);
    }),
  );
}

/** Keys and values have 4 bytes. */
interface NewMap {
  type: string;
  name: string;
  entries: number;
  /** For maps of maps: descriptor of a map as those in it. */
  inner?: number;
}

function createMap(bpf: Bpf, { type, name, entries, inner = 0 }: NewMap): number {
  const fd = bpf.call(COMMAND.mapCreate, (attr) => {
    attr.writeUInt32LE(mapTypeNumber(type) ?? 0, 0);
    attr.writeUInt32LE(4, 4);
    attr.writeUInt32LE(4, 8);
    attr.writeUInt32LE(entries, 12);
    attr.writeUInt32LE(inner, 20);
    attr.write(name, 28, 15, 'latin1');
  });
  if (fd < 0) throw callError('ERR_KERNEL_CALL', `making the map "${name}"`, fd);
  return fd;
}

function withNewMap(bpf: Bpf, map: NewMap, action: (fd: number) => void): void {
  const fd = createMap(bpf, map);
  try {
    action(fd);
  } finally {
    bpf.native.close(fd);
  }
}

function lookUp(bpf: Bpf, fd: number, key: number): number | undefined {
  using arena = new Arena();
  const value = arena.allocate(4);
  return mapCall(bpf, COMMAND.mapLookup, fd, key, value.address) < 0 ? undefined : value.bytes.readUInt32LE(0);
}

function update(bpf: Bpf, fd: number, key: number, value: number): number {
  using arena = new Arena();
  return mapCall(bpf, COMMAND.mapUpdate, fd, key, arena.copy(uint32(value)));
}

function mapCall(bpf: Bpf, command: number, fd: number, key: number, value = 0n): number {
  return bpf.call(command, (attr, arena) => {
    attr.writeUInt32LE(fd, 0);
    attr.writeBigUInt64LE(arena.copy(uint32(key)), 8);
    attr.writeBigUInt64LE(value, 16);
  });
}

function uint32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}
