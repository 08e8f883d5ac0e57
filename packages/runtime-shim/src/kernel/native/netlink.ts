import type { Native } from './library.ts';

const AF_NETLINK = 16;
/** SOCK_RAW | SOCK_CLOEXEC */
const SOCKET_TYPE = 3 | 0x8_0000;
const MSG_DONTWAIT = 0x40;
/** NLM_F_REQUEST | NLM_F_DUMP (include/uapi/linux/netlink.h). */
const DUMP = 0x301;
const REQUEST = 1;
const ACKNOWLEDGE = 4;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const EIO = 5;
const HEADER_SIZE = 16;
/** A dump comes in pieces of at most this size (net/netlink/af_netlink.c, netlink_dump). */
const BUFFER_SIZE = 64 * 1024;
/** Pieces of one answer that are read: far more than 4,096 interfaces take. */
const MAX_PIECES = 1024;

/** Families of netlink. */
export const NETLINK_ROUTE = 0;
export const NETLINK_GENERIC = 16;

/** What to ask. */
export interface NetlinkQuestion {
  family: number;
  /** Message type: a command of rtnetlink, or a family of generic netlink. */
  type: number;
  /** What follows the message's header. */
  payload: Buffer;
  /** All there are. Default false: one. */
  dump?: boolean;
}

/** Asks the kernel over netlink. @returns the payloads of the answers; none where it refuses. */
export function askNetlink(native: Native, { family, type, payload, dump = false }: NetlinkQuestion): Buffer[] {
  const socket = native.socket(AF_NETLINK, SOCKET_TYPE, family);
  if (socket < 0) return [];
  try {
    const message = Buffer.alloc(HEADER_SIZE + payload.length);
    message.writeUInt32LE(message.length, 0);
    message.writeUInt16LE(type, 4);
    message.writeUInt16LE(dump ? DUMP : REQUEST, 6);
    payload.copy(message, HEADER_SIZE);
    return native.send(socket, message, message.length, 0) < 0 ? [] : readAnswers(native, socket, dump);
  } finally {
    native.close(socket);
  }
}

/** Asks the kernel for a change. @returns 0, or `-errno`. */
export function changeByNetlink(native: Native, { family, type, payload }: Omit<NetlinkQuestion, 'dump'>): number {
  const socket = native.socket(AF_NETLINK, SOCKET_TYPE, family);
  if (socket < 0) return -native.errno();
  try {
    const message = Buffer.alloc(HEADER_SIZE + payload.length);
    message.writeUInt32LE(message.length, 0);
    message.writeUInt16LE(type, 4);
    message.writeUInt16LE(REQUEST | ACKNOWLEDGE, 6);
    payload.copy(message, HEADER_SIZE);
    if (native.send(socket, message, message.length, 0) < 0) return -native.errno();
    const answer = Buffer.alloc(BUFFER_SIZE);
    const size = native.receive(socket, answer, answer.length, 0);
    if (size < 0) return -native.errno();
    // struct nlmsgerr: the error, 0 where all went well.
    return size >= HEADER_SIZE + 4 && answer.readUInt16LE(4) === NLMSG_ERROR ? answer.readInt32LE(HEADER_SIZE) : -EIO;
  } finally {
    native.close(socket);
  }
}

/** The kernel has answered before a question's send returns: what is not there yet does not come. */
function readAnswers(native: Native, socket: number, dump: boolean): Buffer[] {
  const answers: Buffer[] = [];
  const buffer = Buffer.alloc(BUFFER_SIZE);
  for (let piece = 0; piece < MAX_PIECES; piece++) {
    const size = native.receive(socket, buffer, buffer.length, MSG_DONTWAIT);
    if (size <= 0) return answers;
    const last = takeMessages(buffer.subarray(0, size), answers);
    if (last || !dump) return answers;
  }
  return answers;
}

/** @returns whether the answer is at its end. */
function takeMessages(bytes: Buffer, answers: Buffer[]): boolean {
  for (let at = 0; at + HEADER_SIZE <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    const type = bytes.readUInt16LE(at + 4);
    if (type === NLMSG_DONE || type === NLMSG_ERROR || length < HEADER_SIZE || at + length > bytes.length) return true;
    answers.push(Buffer.from(bytes.subarray(at + HEADER_SIZE, at + length)));
    at += align(length);
  }
  return false;
}

function align(length: number): number {
  return (length + 3) & ~3;
}

/** An attribute with a string (include/uapi/linux/netlink.h, struct nlattr). */
export function stringAttribute(type: number, text: string): Buffer {
  const attribute = Buffer.alloc(align(4 + text.length + 1));
  attribute.writeUInt16LE(4 + text.length + 1, 0);
  attribute.writeUInt16LE(type, 2);
  attribute.write(text, 4, 'latin1');
  return attribute;
}

/** The attributes in some bytes, by type; of several of one type the last. */
export function readAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) break;
    // The upper two bits say how the attribute is written.
    attributes.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return attributes;
}
