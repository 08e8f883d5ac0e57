import koffi from 'koffi';

/** include/uapi/asm-generic/socket.h, linux/socket.h */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const AF_UNIX = 1;
const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x8_0000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const NETLINK_ROUTE = 0;
const MADV_DONTNEED = 4;
/** RTMGRP_LINK (linux/rtnetlink.h): interfaces that come, go and change. */
const RTMGRP_LINK = 1;
/** LOCK_EX | LOCK_NB */
const LOCK = 6;

/** Who is at the other end of a unix socket. */
export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
}

/** The few calls of the system that Node has not, each of which returns at once: what can take long is the kernel worker's. */
export interface System {
  /** The process that connected to a unix socket, as the kernel knows it; `undefined` where it does not say. */
  peerOf(fd: number): PeerCredentials | undefined;
  /** Takes the lock of a file that is open; false where somebody has it. It ends with the process. */
  lock(fd: number): boolean;
  /** Sends one datagram to a unix socket; `@` begins an abstract name. */
  sendDatagram(path: string, text: string): boolean;
  /** Opens a socket that hears of changes of network interfaces; negative where that cannot be. */
  openInterfaceEvents(): number;
  /** Reads what waits there. @returns whether there was something. */
  takeInterfaceEvents(fd: number): boolean;
  /** Gives what the C library holds free back to the kernel. */
  trimHeap(): void;
  /** Lets pages go that are only a copy of a file's. */
  forgetPages(from: bigint, size: bigint): void;
}

/** Opens the C library. */
export function openSystem(): System {
  const libc = koffi.load('libc.so.6');
  const getsockopt = libc.func(
    'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
  ) as (fd: number, level: number, name: number, value: Uint8Array, length: number[]) => number;
  const flock = libc.func('int flock(int fd, int operation)') as (fd: number, operation: number) => number;
  const socket = libc.func('int socket(int domain, int type, int protocol)') as (...args: number[]) => number;
  const bind = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)') as (
    fd: number,
    address: Uint8Array,
    length: number,
  ) => number;
  const close = libc.func('int close(int fd)') as (fd: number) => number;
  const sendto = libc.func(
    'intptr_t sendto(int fd, const uint8_t *bytes, size_t size, int flags, const uint8_t *address, uint32_t length)',
  ) as (fd: number, bytes: Uint8Array, size: number, flags: number, address: Uint8Array, length: number) => number;
  const recv = libc.func('intptr_t recv(int fd, _Out_ uint8_t *bytes, size_t size, int flags)') as (
    fd: number,
    bytes: Uint8Array,
    size: number,
    flags: number,
  ) => number;
  const trim = libc.func('int malloc_trim(size_t keep)') as (keep: number) => number;
  const madvise = libc.func('int madvise(uintptr_t from, size_t size, int advice)') as (
    from: bigint,
    size: bigint,
    advice: number,
  ) => number;
  const scratch = Buffer.alloc(8192);
  return {
    peerOf(fd) {
      const value = Buffer.alloc(12);
      if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, [value.length]) !== 0) return undefined;
      return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
    },
    lock: (fd) => flock(fd, LOCK) === 0,
    sendDatagram(path, text) {
      const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      if (fd < 0) return false;
      try {
        const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : path);
        const address = Buffer.alloc(2 + name.length + (path.startsWith('@') ? 0 : 1));
        address.writeUInt16LE(AF_UNIX, 0);
        name.copy(address, 2);
        const bytes = Buffer.from(text);
        return sendto(fd, bytes, bytes.length, MSG_NOSIGNAL, address, address.length) === bytes.length;
      } finally {
        close(fd);
      }
    },
    openInterfaceEvents() {
      const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
      if (fd < 0) return fd;
      const address = Buffer.alloc(12);
      address.writeUInt16LE(AF_NETLINK, 0);
      address.writeUInt32LE(RTMGRP_LINK, 8);
      if (bind(fd, address, address.length) === 0) return fd;
      close(fd);
      return -1;
    },
    takeInterfaceEvents(fd) {
      // An overrun (ENOBUFS) is an event too: what was lost is looked up anyway.
      let size = recv(fd, scratch, scratch.length, MSG_DONTWAIT);
      if (size <= 0) return false;
      for (let i = 0; size > 0 && i < 4096; i++) size = recv(fd, scratch, scratch.length, MSG_DONTWAIT);
      return true;
    },
    trimHeap: () => void trim(0),
    forgetPages: (from, size) => void madvise(from, size, MADV_DONTNEED),
  };
}
