import { KernelError } from '../kernel/kernel-error.ts';
import { EXIT, moveNumber } from '../kernel/native/assemble.ts';
import { fillProgram } from '../kernel/try-program.ts';
import { type Bpf, COMMAND } from '../kernel/native/bpf.ts';
import { loadBtfBytes } from '../kernel/native/btf-blob.ts';
import { callError } from '../kernel/native/errno.ts';
import { MAP_TYPES } from '../kernel/native/map-types.ts';
import { ATTACH_TYPES } from '../kernel/native/names.ts';
import type { DispatcherBtf } from './dispatcher-btf.ts';
import { dispatcherCode } from './dispatcher-code.ts';
import {
  allHaveFrags,
  type ComponentConfig,
  CONFIG_SIZE,
  DEFAULT_PRIORITY,
  DISPATCHER_NAME,
  encodeConfig,
  HAS_FRAGS,
} from './protocol.ts';

/** BPF_F_RDONLY_PROG */
const READ_ONLY = 1 << 7;
const PASS = [moveNumber(0, 2), EXIT];

/** A dispatcher in the kernel that is attached to nothing yet. */
export interface LoadedDispatcher {
  fd: number;
  /** Kernel's program id. */
  id: number;
}

/**
 * Loads a dispatcher for some components, with nothing in their places yet.
 *
 * @throws {KernelError} what the kernel says.
 */
export function loadDispatcher(bpf: Bpf, btf: DispatcherBtf, components: readonly ComponentConfig[]): LoadedDispatcher {
  const config = createConfig(bpf, components);
  try {
    const btfFd = check(loadBtfBytes(bpf, btf.bytes), 'loading the BTF of an XDP dispatcher');
    try {
      return loadProgram(bpf, { config, btfFd, functions: btf.functions, frags: allHaveFrags(components) });
    } finally {
      bpf.native.close(btfFd);
    }
  } finally {
    bpf.native.close(config);
  }
}

function loadProgram(
  bpf: Bpf,
  { config, btfFd, functions, frags }: { config: number; btfFd: number; functions: readonly number[]; frags: boolean },
): LoadedDispatcher {
  const { instructions, starts } = dispatcherCode(config);
  const load = (flags: number): number =>
    bpf.call(COMMAND.programLoad, (attr, arena) => {
      const info = starts.map((start, i): [number, number] => [start, functions[i] ?? 0]);
      fillProgram(attr, arena, {
        type: 'xdp',
        instructions,
        flags,
        attachType: ATTACH_TYPES.indexOf('xdp'),
        btf: { fd: btfFd, functions: info },
      });
      attr.write(DISPATCHER_NAME, 48, 'latin1');
    });
  const fd = check(load(frags ? HAS_FRAGS : 0), 'loading an XDP dispatcher');
  return { fd, id: bpf.info(fd).readUInt32LE(4) };
}

/** The configuration as the read-only data of a program: an array with one element that nobody can change any more. */
function createConfig(bpf: Bpf, components: readonly ComponentConfig[]): number {
  const fd = check(
    bpf.call(COMMAND.mapCreate, (attr) => {
      attr.writeUInt32LE(MAP_TYPES.indexOf('array'), 0);
      attr.writeUInt32LE(4, 4);
      attr.writeUInt32LE(CONFIG_SIZE, 8);
      attr.writeUInt32LE(1, 12);
      attr.writeUInt32LE(READ_ONLY, 16);
      attr.write('xdp_disp.rodata', 28, 'latin1');
    }),
    'making the configuration of an XDP dispatcher',
  );
  const filled = bpf.call(COMMAND.mapUpdate, (attr, arena) => {
    attr.writeUInt32LE(fd, 0);
    attr.writeBigUInt64LE(arena.copy(Buffer.alloc(4)), 8);
    attr.writeBigUInt64LE(arena.copy(encodeConfig(components)), 16);
  });
  const frozen = filled < 0 ? filled : bpf.call(COMMAND.mapFreeze, (attr) => attr.writeUInt32LE(fd, 0));
  if (frozen >= 0) return fd;
  bpf.native.close(fd);
  throw callError('ERR_KERNEL_CALL', 'writing the configuration of an XDP dispatcher', frozen);
}

/**
 * Puts a program in the place of a function of a dispatcher.
 *
 * @param functionId - type id of the function.
 * @returns descriptor of the link, with which the program leaves its place again.
 */
export function replaceFunction(bpf: Bpf, dispatcherFd: number, functionId: number, programFd: number): number {
  return bpf.call(COMMAND.linkCreate, (attr) => {
    attr.writeUInt32LE(programFd, 0);
    attr.writeUInt32LE(dispatcherFd, 4);
    attr.writeUInt32LE(functionId, 16);
  });
}

function check(fd: number, what: string): number {
  if (fd >= 0) return fd;
  throw callError('ERR_KERNEL_CALL', what, fd);
}

/** A component that is only for trying. */
const TRIAL: ComponentConfig = { priority: DEFAULT_PRIORITY, actions: 0, frags: false };

/** Loads a dispatcher that components can be verified against, for the time of an action. */
export function withTrialDispatcher<T>(bpf: Bpf, btf: DispatcherBtf, action: (dispatcherFd: number) => T): T {
  const { fd } = loadDispatcher(bpf, btf, [TRIAL]);
  try {
    return action(fd);
  } finally {
    bpf.native.close(fd);
  }
}

/**
 * Why this kernel cannot put several programs on an interface; `undefined` where it can. A trial: a program that was verified for one
 * dispatcher takes its place in another (freplace is Linux 5.7, with several targets 5.10; some machines refuse it by policy). Nothing
 * is attached to an interface.
 */
export function dispatcherProblem(bpf: Bpf, btf: DispatcherBtf): string | undefined {
  const [, target = 0] = btf.functions;
  try {
    return withTrialDispatcher(bpf, btf, (first) =>
      withTrialDispatcher(bpf, btf, (second) => {
        const program = loadReplacement(bpf, btf, first, target);
        try {
          const link = replaceFunction(bpf, second, target, program);
          bpf.native.close(check(link, 'attaching the replacement of a function (freplace)'));
          return undefined;
        } finally {
          bpf.native.close(program);
        }
      }),
    );
  } catch (error) {
    if (error instanceof KernelError) return error.message;
    throw error;
  }
}

function loadReplacement(bpf: Bpf, btf: DispatcherBtf, dispatcherFd: number, target: number): number {
  const btfFd = check(loadBtfBytes(bpf, btf.bytes), 'loading the BTF of a component of an XDP dispatcher');
  try {
    const fd = bpf.call(COMMAND.programLoad, (attr, arena) => {
      const own = { fd: btfFd, functions: [[0, target]] as const };
      fillProgram(attr, arena, { type: 'ext', instructions: PASS, attachType: 0, attachBtfId: target, btf: own });
      attr.writeUInt32LE(dispatcherFd, 112);
    });
    return check(fd, 'loading the replacement of a function (freplace)');
  } finally {
    bpf.native.close(btfFd);
  }
}
