import { closeSync, openSync } from 'node:fs';
import type { Native } from './library.ts';

/** Commands that a token can stand for (include/uapi/linux/bpf.h). */
const MAP_CREATE = 0;
const PROGRAM_LOAD = 5;
const BTF_LOAD = 18;
const TOKEN_CREATE = 36;
/** BPF_F_TOKEN_FD: the attribute has a token. */
const HAS_TOKEN = 1 << 16;
/** Where each command's attribute has its flags and its token, in bytes. */
const PLACES: Readonly<Record<number, { flags: number; token: number }>> = {
  [MAP_CREATE]: { flags: 16, token: 76 },
  [PROGRAM_LOAD]: { flags: 44, token: 144 },
  [BTF_LOAD]: { flags: 32, token: 36 },
};
/** As libbpf has it: where a BPF file system stands for rights that were delegated to this user namespace. */
const DEFAULT_PATH = '/sys/fs/bpf';

/**
 * Makes a BPF token (since Linux 6.9) of a BPF file system that was delegated to this process's user namespace: `LIBBPF_BPF_TOKEN_PATH`, as for
 * libbpf, else /sys/fs/bpf.
 *
 * @returns its descriptor; `undefined` where there is none to be had.
 */
export function createToken(native: Native, syscallNumber: number): number | undefined {
  let folder: number;
  try {
    folder = openSync(process.env['LIBBPF_BPF_TOKEN_PATH'] ?? DEFAULT_PATH, 'r');
  } catch {
    return undefined;
  }
  try {
    const attr = Buffer.alloc(8);
    attr.writeUInt32LE(folder, 4);
    const fd = native.syscall(syscallNumber, TOKEN_CREATE, attr, attr.length);
    return fd < 0 ? undefined : fd;
  } finally {
    closeSync(folder);
  }
}

/** A command's attribute with the token in it; `undefined` for commands that take none. */
export function withToken(command: number, attr: Buffer, token: number): Buffer | undefined {
  const place = PLACES[command];
  if (!place) return undefined;
  const longer = Buffer.alloc(Math.max(attr.length, place.token + 4));
  attr.copy(longer);
  longer.writeUInt32LE((longer.readUInt32LE(place.flags) | HAS_TOKEN) >>> 0, place.flags);
  longer.writeInt32LE(token, place.token);
  return longer;
}
