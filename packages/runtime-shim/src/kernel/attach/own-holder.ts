import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { KernelError } from '../kernel-error.ts';
import { holderProgram } from '../native/find-libbpf.ts';
import { errnoName } from '../native/errno.ts';
import type { Native } from '../native/library.ts';
import type { AttachmentRecord } from './attachment-record.ts';

/** Where the holder of this machine listens. */
const SOCKET = '/run/bpfship/hold.sock';
/** It may end, since it keeps nothing any more, between being found and being asked. */
const TRIES = 5;

/** What `bpfship-hold` keeps of an attachment. */
export type OwnHolder = Extract<AttachmentRecord, { way: 'holder'; socket: string }>;

/** What to keep at the holder, not there yet; `undefined` where there is no such program, or no place for its socket. */
export function prepareOwnHolder(
  native: Native,
  key: string,
  count: number,
): Pick<OwnHolder, 'socket' | 'key' | 'count'> | undefined {
  if (native.own === undefined || holderProgram() === undefined) return undefined;
  try {
    mkdirSync(dirname(SOCKET), { recursive: true, mode: 0o700 });
    startHolder(SOCKET);
    return { socket: SOCKET, key, count };
  } catch {
    return undefined;
  }
}

/** Gives descriptors to the holder, which keeps ones of its own. @throws {KernelError} `ERR_KERNEL_ATTACH`. */
export function keepAtHolder(native: Native, { socket, key }: OwnHolder, descriptors: readonly number[]): void {
  for (const [i, fd] of descriptors.entries()) {
    const status = ask(native, socket, `p${key}/${i}`, fd);
    if (status < 0) {
      throw new KernelError('ERR_KERNEL_ATTACH', `the holder at ${socket} keeps no descriptor (${errnoName(status)})`, {
        errno: errnoName(status),
        hint: 'End the process "bpfship-hold" where it does not answer: what it keeps is detached then.',
      });
    }
  }
}

/** Whether the holder keeps all of an attachment. */
export function holderKeeps(native: Native, { socket, key, count }: OwnHolder): boolean {
  return Array.from({ length: count }, (_each, i) => ask(native, socket, `g${key}/${i}`)).every(
    (status) => status === 0,
  );
}

/** Lets go of an attachment; the holder ends where it keeps nothing else. */
export function letGoAtHolder(native: Native, { socket, key, count }: OwnHolder): void {
  for (let i = 0; i < count; i++) ask(native, socket, `d${key}/${i}`);
  if (ask(native, socket, 'q') !== 0) return;
  try {
    rmdirSync(dirname(socket));
  } catch {
    // Somebody else keeps something there.
  }
}

function startHolder(socket: string): void {
  try {
    execFileSync(holderProgram() ?? '', [socket], { stdio: 'ignore', env: {}, cwd: '/' });
  } catch (error) {
    // EEXIST: one answers already.
    if ((error as { status?: number }).status !== 17) throw error;
  }
}

/** @returns the holder's status, or `-errno` of the call. */
function ask(native: Native, socket: string, text: string, fd = -1): number {
  const { own } = native;
  if (own === undefined) return -1;
  const request = Buffer.from(text);
  const reply = new Uint8Array(8);
  let length = 0;
  for (let i = 0; i < TRIES; i++) {
    const received: [number] = [-1];
    length = own.holdCall(socket, request, request.length, fd, reply, reply.length, received);
    if (received[0] >= 0) native.close(received[0]);
    if (length >= 4) return new DataView(reply.buffer).getInt32(0, true);
    if (!text.startsWith('p')) break;
    startHolder(socket);
  }
  return length < 0 ? length : -1;
}
