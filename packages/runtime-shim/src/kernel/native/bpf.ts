import { readFileSync } from 'node:fs';
import { arch } from 'node:os';
import { Arena } from './arena.ts';
import { callError } from './errno.ts';
import { type BtfIds, btfKey, findBtfIds, PROBED_TYPES, type ProbedKind } from './find-btf-ids.ts';
import type { Native } from './library.ts';
import { mountTracefs } from './mount-tracefs.ts';
import { createToken, withToken } from './token.ts';

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
  mapUpdate: 2,
  mapDelete: 3,
  mapNextKey: 4,
  programLoad: 5,
  pin: 6,
  get: 7,
  programAttach: 8,
  programDetach: 9,
  programFromId: 13,
  programFdById: 13,
  mapFdById: 14,
  info: 15,
  programQuery: 16,
  rawTracepointOpen: 17,
  btfLoad: 18,
  mapFreeze: 22,
  mapLookupBatch: 24,
  mapUpdateBatch: 26,
  linkCreate: 28,
  linkUpdate: 29,
  linkFdById: 30,
  linkNextId: 31,
  enableStats: 32,
  linkDetach: 34,
  tokenCreate: 36,
} as const;

const EPERM = 1;
const EAGAIN = 11;
/** As often as libbpf (bpf.c, PROG_LOAD_ATTEMPTS). */
const LOAD_ATTEMPTS = 5;
/** include/uapi/asm-generic/resource.h */
const RLIMIT_MEMLOCK = 8;
/** Size of the attribute that is passed: zeros beyond what an older kernel knows are accepted by it. */
const ATTR_SIZE = 144;

/** The bpf system call. Results below zero are `-errno`. */
export class Bpf {
  readonly native: Native;
  readonly #number: number;
  #kernelBtf: Uint8Array | undefined;
  #raised = false;
  /** `null`: there is none to be had. */
  #token: number | null | undefined;
  #tracefs: number | undefined;
  readonly #btfIds = new Map<string, number | undefined>();

  constructor(native: Native) {
    this.native = native;
    this.#number = SYSCALL_NUMBER[arch()] ?? 280;
  }

  /** Calls with an attribute that `fill` writes; what it allocates lives until the call is over. */
  call(command: number, fill: (attr: Buffer, arena: Arena) => void, size: number = ATTR_SIZE): number {
    using arena = new Arena();
    return this.callWith(command, this.attribute(fill, arena, size));
  }

  /** An attribute for {@link callWith}, which holds addresses in the arena. */
  attribute(fill: (attr: Buffer, arena: Arena) => void, arena: Arena = new Arena(), size: number = ATTR_SIZE): Buffer {
    const attr = Buffer.alloc(size);
    fill(attr, arena);
    return attr;
  }

  /** Calls with an attribute that is written already. */
  callWith(command: number, attr: Buffer): number {
    const result = this.#callOnce(command, attr);
    if (result !== -EPERM) return result;
    const again = this.#raiseMemoryLimit() ? this.#callOnce(command, attr) : result;
    return again === -EPERM ? this.#callWithToken(command, attr, again) : again;
  }

  /** In a user namespace, rights may be delegated by a BPF file system. @param refusal - what it is without. */
  #callWithToken(command: number, attr: Buffer, refusal: number): number {
    if (this.#token === null) return refusal;
    this.#token ??= createToken(this.native, this.#number) ?? null;
    const longer = this.#token === null ? undefined : withToken(command, attr, this.#token);
    return longer === undefined ? refusal : this.#callOnce(command, longer);
  }

  #callOnce(command: number, attr: Buffer): number {
    for (let attempt = 1; ; attempt++) {
      const result = this.native.syscall(this.#number, command, attr, attr.length);
      if (result >= 0) return result;
      const error = -this.native.errno();
      // A signal that waits ends the verifier (kernel/bpf/verifier.c, do_check); libbpf tries again as well.
      if (error !== -EAGAIN || command !== COMMAND.programLoad || attempt >= LOAD_ATTEMPTS) return error;
    }
  }

  /** Kernels before 5.11 count maps and programs as locked memory; libbpf does the same before it loads. @returns whether to try again. */
  #raiseMemoryLimit(): boolean {
    if (this.#raised) return false;
    this.#raised = true;
    return this.native.setResourceLimit(RLIMIT_MEMLOCK, Buffer.alloc(16, 0xff)) === 0;
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

  /** A folder below which tracefs can be read until {@link close}, although it is mounted nowhere. */
  tracefs(): string | undefined {
    this.#tracefs ??= mountTracefs(this.native);
    return this.#tracefs === undefined ? undefined : `/proc/self/fd/${this.#tracefs}`;
  }

  /** Gives back what it holds. */
  close(): void {
    if (typeof this.#token === 'number') this.native.close(this.#token);
    this.#token = null;
    if (this.#tracefs !== undefined) this.native.close(this.#tracefs);
    this.#tracefs = undefined;
  }

  /** Takes over ids that somebody else has looked up; 0 says that there is none. */
  learnBtfIds(ids: BtfIds): void {
    for (const [key, id] of Object.entries(ids)) this.#btfIds.set(key, id === 0 ? undefined : id);
  }

  /** Id of a type in the kernel's BTF; `undefined` where there is none. What nobody has looked up yet takes 10 ms, once. */
  kernelBtfId(kind: ProbedKind, name: string): number | undefined {
    const key = btfKey(kind, name);
    if (!this.#btfIds.has(key)) this.#btfIds.set(key, this.#findInKernel(key));
    return this.#btfIds.get(key);
  }

  /** Whether the kernel shows its BTF to this process. */
  hasKernelBtf(): boolean {
    return this.#readKernelBtf().length > 0;
  }

  #findInKernel(key: string): number | undefined {
    // One pass for all that probes ask for, since each takes some milliseconds.
    const keys = [key, ...PROBED_TYPES.filter((each) => !this.#btfIds.has(each))];
    const found = findBtfIds(this.#readKernelBtf(), keys);
    for (const each of keys) this.#btfIds.set(each, found[each]);
    return found[key];
  }

  /** Lets the kernel's types go; they are read again where they are needed. */
  forgetKernelBtf(): void {
    this.#kernelBtf = undefined;
  }

  #readKernelBtf(): Uint8Array {
    try {
      return (this.#kernelBtf ??= readFileSync('/sys/kernel/btf/vmlinux'));
    } catch {
      return (this.#kernelBtf = new Uint8Array());
    }
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
