import koffi from 'koffi';
import { callError } from '../../kernel/native/errno.ts';

/** Protection and flags of mmap(2) (include/uapi/asm-generic/mman-common.h). */
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
/** `(void *)-1` */
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
/** EFD_NONBLOCK | EFD_CLOEXEC (include/uapi/linux/eventfd.h). */
const EVENT_FLAGS = 0o4000 | 0o2000000;
const POLLIN = 1;
/** Bytes of `struct pollfd`: int fd, short events, short revents. */
const POLL_SIZE = 8;
const SC_PAGESIZE = 30;

/** Clocks of clock_gettime(2) (include/uapi/linux/time.h). */
export const CLOCK = { realtime: 0, monotonic: 1, boottime: 7 } as const;

/** Memory of the kernel that this process sees. Nothing may touch `memory` once it was given back. */
export interface MappedMemory extends Disposable {
  readonly memory: ArrayBuffer;
}

/** What part of a descriptor to map, in bytes. */
export interface MapRange {
  length: number;
  offset: number;
  writable: boolean;
}

/** The calls of libc that reading event buffers takes. */
export interface SystemCalls {
  readonly pageSize: number;
  /** Maps a part of a descriptor. @throws {KernelError}. */
  map(fd: number, range: MapRange): MappedMemory;
  /** A descriptor that becomes readable when somebody writes 8 bytes to it. @throws {KernelError}. */
  eventDescriptor(): number;
  /** Waits until one of the descriptors is readable, or so many milliseconds. @returns which are, in their order. */
  waitReadable(fds: readonly number[], milliseconds: number): boolean[];
  /** A clock's time in nanoseconds. */
  clock(id: number): bigint;
}

type Call = (...args: unknown[]) => unknown;

/** Binds the calls. @throws where libc cannot be opened. */
export function openSystemCalls(): SystemCalls {
  const libc = koffi.load('libc.so.6');
  const bind = (declaration: string): Call => libc.func(declaration);
  const mmap = bind('void *mmap(void *addr, size_t length, int prot, int flags, int fd, long offset)');
  const munmap = bind('int munmap(void *addr, size_t length)');
  const eventfd = bind('int eventfd(unsigned int initial, int flags)');
  const poll = bind('int poll(_Inout_ void *fds, unsigned long count, int timeout)');
  const clockGettime = bind('int clock_gettime(int clock, _Out_ void *time)');
  const sysconf = bind('long sysconf(int name)');
  return {
    pageSize: Number(sysconf(SC_PAGESIZE)),
    map(fd, { length, offset, writable }) {
      const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
      const address = mmap(null, length, protection, MAP_SHARED, fd, offset) as bigint;
      if (address === MAP_FAILED) throw callError('ERR_KERNEL_CALL', 'mapping an event buffer', koffi.errno());
      return { memory: koffi.view(address, length), [Symbol.dispose]: () => void munmap(address, length) };
    },
    eventDescriptor() {
      const fd = Number(eventfd(0, EVENT_FLAGS));
      if (fd < 0) throw callError('ERR_KERNEL_CALL', 'making an event descriptor', koffi.errno());
      return fd;
    },
    waitReadable(fds, milliseconds) {
      const entries = Buffer.alloc(fds.length * POLL_SIZE);
      for (const [i, fd] of fds.entries()) {
        entries.writeInt32LE(fd, i * POLL_SIZE);
        entries.writeInt16LE(POLLIN, i * POLL_SIZE + 4);
      }
      // An interrupted wait (EINTR) is one in which nothing came.
      if (Number(poll(entries, fds.length, milliseconds)) <= 0) return fds.map(() => false);
      return fds.map((_, i) => entries.readInt16LE(i * POLL_SIZE + 6) !== 0);
    },
    clock(id) {
      const time = Buffer.alloc(16);
      clockGettime(id, time);
      return time.readBigInt64LE(0) * 1_000_000_000n + time.readBigInt64LE(8);
    },
  };
}
