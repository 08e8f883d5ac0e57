import { arch } from 'node:os';
import { Arena } from './arena.ts';
import { callError } from './errno.ts';
import type { Native } from './library.ts';

/** Numbers of the bpf system call by Node's architecture names (arch/…/syscall tables of the kernel). */
const SYSCALL_NUMBER: Readonly<Record<string, number>> = {
  x64: 321,
  arm64: 280,
  riscv64: 280,
  loong64: 280,
  s390x: 351,
  ppc64: 361,
};

/** Commands of bpf(2) (include/uapi/linux/bpf.h, enum bpf_cmd). */
export const COMMAND = {
  mapCreate: 0,
  mapLookup: 1,
  mapNextKey: 4,
  programLoad: 5,
  pin: 6,
  get: 7,
  info: 15,
  btfLoad: 18,
  linkCreate: 28,
  linkUpdate: 29,
  linkDetach: 34,
} as const;

/** Size of the attribute that is passed: zeros beyond what an older kernel knows are accepted by it. */
const ATTR_SIZE = 144;

/** The bpf system call. Results below zero are `-errno`. */
export class Bpf {
  readonly native: Native;
  readonly #number: number;
  readonly #btfIds = new Map<string, number>();

  constructor(native: Native) {
    this.native = native;
    this.#number = SYSCALL_NUMBER[arch()] ?? 280;
  }

  /** Calls with an attribute that `fill` writes; what it allocates lives until the call is over. */
  call(command: number, fill: (attr: Buffer, arena: Arena) => void): number {
    using arena = new Arena();
    const attr = Buffer.alloc(ATTR_SIZE);
    fill(attr, arena);
    const result = this.native.syscall(this.#number, command, attr, ATTR_SIZE);
    return result < 0 ? -this.native.errno() : result;
  }

  /** Opens a pinned object. @returns its descriptor, or `-errno`. */
  open(path: string): number {
    return this.call(COMMAND.get, (attr, arena) => attr.writeBigUInt64LE(arena.string(path), 0));
  }

  /** Pins an object. @throws {KernelError} `ERR_KERNEL_PIN`. */
  pin(fd: number, path: string): void {
    const result = this.call(COMMAND.pin, (attr, arena) => {
      attr.writeBigUInt64LE(arena.string(path), 0);
      attr.writeUInt32LE(fd, 8);
    });
    if (result < 0) throw callError('ERR_KERNEL_PIN', `pinning ${path}`, result);
  }

  /** What the kernel tells of a program, map or link: the bytes of `struct bpf_…_info`. */
  info(fd: number, size = 256): Buffer {
    using arena = new Arena();
    const { address, bytes } = arena.allocate(size);
    const result = this.call(COMMAND.info, (attr) => {
      attr.writeUInt32LE(fd, 0);
      attr.writeUInt32LE(size, 4);
      attr.writeBigUInt64LE(address, 8);
    });
    if (result < 0) throw callError('ERR_KERNEL_CALL', 'asking the kernel about a descriptor', result);
    return Buffer.from(bytes);
  }

  /** Id of a kernel function in the kernel's BTF for an attach type; `-errno` where there is none. Looked up once: it takes 15 ms. */
  kernelBtfId(name: string, attachType: number): number {
    const key = `${attachType} ${name}`;
    const id = this.#btfIds.get(key) ?? this.native.findKernelBtfId(name, attachType);
    this.#btfIds.set(key, id);
    return id;
  }

  /** Opens a pinned object for the time of an action. */
  withPinned<T>(path: string, action: (fd: number) => T): T {
    const fd = this.open(path);
    if (fd < 0) throw callError('ERR_KERNEL_NOT_FOUND', `opening ${path}`, fd);
    try {
      return action(fd);
    } finally {
      this.native.close(fd);
    }
  }
}
