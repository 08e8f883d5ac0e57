import { KernelError } from '../kernel/kernel-error.ts';
import { Arena } from '../kernel/native/arena.ts';
import { type Bpf, COMMAND } from '../kernel/native/bpf.ts';
import { callError } from '../kernel/native/errno.ts';
import type { Native, Pointer } from '../kernel/native/library.ts';
import { PROGRAM_TYPES } from '../kernel/native/names.ts';
import { openById } from './read-dispatcher.ts';

/** Maps of a program that are looked at (MAX_USED_MAPS of the kernel). */
const MAX_MAPS = 64;
/** Offsets in `struct bpf_prog_info`. */
const MAP_COUNT = 52;
const MAP_IDS = 56;
const PROGRAM_INFO_SIZE = 232;

/** Makes an XDP program, before it is loaded, one that takes the place of a function of a dispatcher. */
export function makeComponent(native: Native, program: Pointer, dispatcherFd: number): void {
  const name = native.programName(program);
  const target = native.programSetAttachTarget(program, dispatcherFd, 'prog0');
  if (target < 0) throw callError('ERR_KERNEL_ATTACH', `preparing XDP program "${name}" to share an interface`, target);
  native.programSetType(program, PROGRAM_TYPES.indexOf('ext'));
  native.programSetAttachType(program, 0);
}

/** Leaves of an object, before it is loaded, one program, and gives it the global variables of the one that is pinned. */
export function prepareTwin(
  bpf: Bpf,
  programs: readonly Pointer[],
  maps: readonly { name: string; map: Pointer }[],
  twin: { program: string; pin: string },
): void {
  const { native } = bpf;
  if (!programs.some((program) => native.programName(program) === twin.program))
    throw new KernelError('ERR_KERNEL_NOT_FOUND', `the object has no program "${twin.program}"`);
  for (const program of programs) native.programSetAutoload(program, native.programName(program) === twin.program);
  bpf.withPinned(twin.pin, (programFd) => {
    for (const id of mapIds(bpf, programFd)) {
      const fd = openById(bpf, COMMAND.mapFdById, id);
      if (fd === undefined) continue;
      try {
        const name = kernelName(bpf.info(fd));
        const dot = name.indexOf('.');
        if (dot < 0) continue;
        // The kernel keeps 15 characters of a name, which begins with the object's.
        const wanted = name.slice(dot);
        const fitting = maps.filter(
          ({ name: own }) => own === wanted || (name.length === 15 && own.startsWith(wanted)),
        );
        const [only] = fitting;
        if (only === undefined || fitting.length > 1) continue;
        const result = native.mapReuseFd(only.map, fd);
        if (result < 0) throw callError('ERR_KERNEL_MAP_INCOMPATIBLE', `sharing the variables ${only.name}`, result);
      } finally {
        native.close(fd);
      }
    }
  });
}

function mapIds(bpf: Bpf, programFd: number): number[] {
  using arena = new Arena();
  const ids = arena.allocate(4 * MAX_MAPS);
  const info = arena.allocate(PROGRAM_INFO_SIZE);
  info.bytes.writeUInt32LE(MAX_MAPS, MAP_COUNT);
  info.bytes.writeBigUInt64LE(ids.address, MAP_IDS);
  const asked = bpf.call(COMMAND.info, (attr) => {
    attr.writeUInt32LE(programFd, 0);
    attr.writeUInt32LE(PROGRAM_INFO_SIZE, 4);
    attr.writeBigUInt64LE(info.address, 8);
  });
  if (asked < 0) throw callError('ERR_KERNEL_CALL', 'asking for the maps of a program', asked);
  const count = Math.min(info.bytes.readUInt32LE(MAP_COUNT), MAX_MAPS);
  return Array.from({ length: count }, (_none, i) => ids.bytes.readUInt32LE(4 * i));
}

/** Name of a map in `struct bpf_map_info`. */
function kernelName(info: Buffer): string {
  const bytes = info.subarray(24, 40);
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
}
