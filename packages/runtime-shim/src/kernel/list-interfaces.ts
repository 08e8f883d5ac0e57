import type { NetworkInterfaceFacts } from '@bpfship/portability';
import type { Native } from './native/library.ts';
import { askNetlink, NETLINK_GENERIC, NETLINK_ROUTE, readAttributes, stringAttribute } from './native/netlink.ts';

/** include/uapi/linux/rtnetlink.h and if_link.h */
const RTM_GETLINK = 18;
const INTERFACE_HEADER_SIZE = 16;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
/** include/uapi/linux/genetlink.h */
const GENERIC_HEADER_SIZE = 4;
const CONTROL_FAMILY = 16;
const GET_FAMILY = 3;
const FAMILY_ID = 1;
const FAMILY_NAME = 2;
/** include/uapi/linux/netdev.h (6.3) */
const DEV_GET = 1;
const DEV_IFINDEX = 1;
const DEV_XDP_FEATURES = 3;
/** Bits of enum netdev_xdp_act, by position. */
const XDP_WORDS = ['basic', 'redirect', 'ndo-xmit', 'xsk-zerocopy', 'hw-offload', 'rx-sg', 'ndo-xmit-sg'];

const NAME = /^[\x21-\x7e]{1,15}$/;

/** The network interfaces of this process's network namespace, and what their drivers say they can do with XDP. */
export function listInterfaces(native: Native): Record<string, NetworkInterfaceFacts> {
  const features = listXdpFeatures(native);
  const links = askNetlink(native, {
    family: NETLINK_ROUTE,
    type: RTM_GETLINK,
    payload: Buffer.alloc(INTERFACE_HEADER_SIZE),
    dump: true,
  });
  const found: Record<string, NetworkInterfaceFacts> = {};
  for (const link of links) {
    if (link.length < INTERFACE_HEADER_SIZE) continue;
    const attributes = readAttributes(link.subarray(INTERFACE_HEADER_SIZE));
    const name = text(attributes.get(IFLA_IFNAME));
    if (name === undefined || !NAME.test(name)) continue;
    const kind = text(readAttributes(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0)).get(IFLA_INFO_KIND));
    const xdp = features?.get(link.readInt32LE(4));
    found[name] = {
      mtu: number(attributes.get(IFLA_MTU)),
      ...(kind !== undefined && /^[\w-]+$/.test(kind) ? { kind } : {}),
      ...(xdp === undefined ? {} : { xdp }),
    };
  }
  return found;
}

/** Interface index → what its driver can do with XDP; `undefined` where the kernel does not say. */
function listXdpFeatures(native: Native): Map<number, string[]> | undefined {
  const family = findFamily(native, 'netdev');
  if (family === undefined) return undefined;
  const payload = Buffer.from([DEV_GET, 1, 0, 0]);
  const devices = askNetlink(native, { family: NETLINK_GENERIC, type: family, payload, dump: true });
  return new Map(
    devices.flatMap((device): [number, string[]][] => {
      const attributes = readAttributes(device.subarray(GENERIC_HEADER_SIZE));
      const bits = number(attributes.get(DEV_XDP_FEATURES));
      return [
        [number(attributes.get(DEV_IFINDEX)), XDP_WORDS.filter((_word, bit) => (bits & (1 << bit)) !== 0).sort()],
      ];
    }),
  );
}

function findFamily(native: Native, name: string): number | undefined {
  const payload = Buffer.concat([Buffer.from([GET_FAMILY, 1, 0, 0]), stringAttribute(FAMILY_NAME, name)]);
  const [answer] = askNetlink(native, { family: NETLINK_GENERIC, type: CONTROL_FAMILY, payload });
  const id = answer && readAttributes(answer.subarray(GENERIC_HEADER_SIZE)).get(FAMILY_ID);
  return id && id.length >= 2 ? id.readUInt16LE(0) : undefined;
}

function text(bytes: Buffer | undefined): string | undefined {
  return bytes?.toString('latin1').replace(/\0.*$/s, '');
}

/** The lowest 32 bits; 0 where there are none. */
function number(bytes: Buffer | undefined): number {
  return bytes && bytes.length >= 4 ? bytes.readUInt32LE(0) : 0;
}
