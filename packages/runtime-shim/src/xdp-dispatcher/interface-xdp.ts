import { askNetlink, changeByNetlink, NETLINK_ROUTE, readAttributes } from '../kernel/native/netlink.ts';
import type { Native } from '../kernel/native/library.ts';

/** include/uapi/linux/rtnetlink.h and if_link.h */
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const INTERFACE_HEADER_SIZE = 16;
const NLA_F_NESTED = 0x8000;
const IFLA_XDP = 43;
const XDP = { fd: 1, attached: 2, flags: 3, driverProgram: 5, genericProgram: 6, expectedFd: 8 } as const;
/** IFLA_XDP_ATTACHED */
const ATTACHED = { driver: 1, generic: 2, hardware: 3, several: 4 } as const;
const FLAGS = { onlyIfNone: 1 << 0, generic: 1 << 1, native: 1 << 2, replace: 1 << 4 } as const;

/** By the driver, or by the stack. */
export type XdpMode = 'native' | 'generic';

/** The program of an interface. */
export interface InterfaceProgram {
  /** Kernel's program id. */
  id: number;
  mode: XdpMode;
}

/** Which program an interface has; `undefined` where it has none. What a card's hardware runs is no matter here. */
export function readInterfaceProgram(native: Native, interfaceIndex: number): InterfaceProgram | undefined {
  const [answer] = askNetlink(native, { family: NETLINK_ROUTE, type: RTM_GETLINK, payload: header(interfaceIndex) });
  const attributes = answer && readAttributes(answer.subarray(INTERFACE_HEADER_SIZE)).get(IFLA_XDP);
  if (!attributes) return undefined;
  const xdp = readAttributes(attributes);
  const attached = xdp.get(XDP.attached)?.readUInt8(0) ?? 0;
  const driver = xdp.get(XDP.driverProgram)?.readUInt32LE(0);
  const generic = xdp.get(XDP.genericProgram)?.readUInt32LE(0);
  if ((attached === ATTACHED.driver || attached === ATTACHED.several) && driver !== undefined)
    return { id: driver, mode: 'native' };
  if ((attached === ATTACHED.generic || attached === ATTACHED.several) && generic !== undefined)
    return { id: generic, mode: 'generic' };
  return undefined;
}

/** A change of an interface's program. */
export interface InterfaceChange {
  interfaceIndex: number;
  /** Descriptor of the program; -1 takes the one away that is there. */
  programFd: number;
  /** Descriptor of the program that must be there; `undefined`: none may be there. */
  expectedFd: number | undefined;
  /** `undefined` lets the kernel choose. */
  mode: XdpMode | undefined;
}

/** Changes the program in one step, as libxdp does. @returns 0, or `-errno`: EBUSY and EEXIST where another one is there than expected. */
export function changeInterfaceProgram(native: Native, change: InterfaceChange): number {
  const { interfaceIndex, programFd, expectedFd, mode } = change;
  const flags = (mode === undefined ? 0 : FLAGS[mode]) | (expectedFd === undefined ? FLAGS.onlyIfNone : FLAGS.replace);
  const nested = Buffer.concat([
    numberAttribute(XDP.fd, programFd),
    numberAttribute(XDP.flags, flags),
    ...(expectedFd === undefined ? [] : [numberAttribute(XDP.expectedFd, expectedFd)]),
  ]);
  const attribute = Buffer.alloc(4);
  attribute.writeUInt16LE(4 + nested.length, 0);
  attribute.writeUInt16LE(IFLA_XDP | NLA_F_NESTED, 2);
  const payload = Buffer.concat([header(interfaceIndex), attribute, nested]);
  return changeByNetlink(native, { family: NETLINK_ROUTE, type: RTM_SETLINK, payload });
}

/** struct ifinfomsg */
function header(interfaceIndex: number): Buffer {
  const bytes = Buffer.alloc(INTERFACE_HEADER_SIZE);
  bytes.writeInt32LE(interfaceIndex, 4);
  return bytes;
}

function numberAttribute(type: number, value: number): Buffer {
  const attribute = Buffer.alloc(8);
  attribute.writeUInt16LE(8, 0);
  attribute.writeUInt16LE(type, 2);
  attribute.writeInt32LE(value, 4);
  return attribute;
}
