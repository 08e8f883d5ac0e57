import type { AttachedLink } from '../kernel.ts';
import { type AttachRequest, attachError } from './attach-request.ts';
import { holdDescriptors } from './holder.ts';
import { atInterface } from './network-interface.ts';

/** include/uapi/asm-generic/socket.h, linux/if_packet.h, linux/if_ether.h */
const AF_PACKET = 17;
/** SOCK_RAW | SOCK_CLOEXEC */
const SOCKET_TYPE = 3 | 0x8_0000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ATTACH_BPF = 50;
/** All protocols, in the network's byte order. */
const ETH_P_ALL = 0x0300;

/**
 * Attaches a socket filter to a socket of its own that sees every packet of an interface, as capture programs do. Nobody reads the socket:
 * what the program lets through is dropped once the socket's small buffer is full, and only what it does itself counts. A socket lives as
 * long as a descriptor of it: a holder keeps it.
 */
export function attachSocketFilter(request: AttachRequest): AttachedLink {
  return atInterface(request, (interfaceIndex, name) => {
    const { native } = request.bpf;
    // Without a protocol it sees nothing until the filter is there.
    const socket = native.socket(AF_PACKET, SOCKET_TYPE, 0);
    if (socket < 0) throw attachError(request, `the interface ${name}`, -native.errno(), HINTS);
    try {
      const set = (option: number, value: number): number => {
        const bytes = Buffer.alloc(4);
        bytes.writeInt32LE(value, 0);
        return native.setSocketOption(socket, SOL_SOCKET, option, bytes, bytes.length);
      };
      set(SO_RCVBUF, 1);
      if (set(SO_ATTACH_BPF, request.fd) < 0 || native.bind(socket, addressOf(interfaceIndex), 20) < 0) {
        throw attachError(request, `the interface ${name}`, -native.errno(), HINTS);
      }
      return holdDescriptors(request, [socket], 'socket_filter');
    } finally {
      native.close(socket);
    }
  });
}

/** struct sockaddr_ll */
function addressOf(interfaceIndex: number): Buffer {
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16LE(ETH_P_ALL, 2);
  address.writeInt32LE(interfaceIndex, 4);
  return address;
}

const HINTS: Readonly<Record<string, string>> = {
  EPERM: 'CAP_NET_RAW is needed for a socket that sees packets.',
  EAFNOSUPPORT: 'The kernel has no packet sockets (CONFIG_PACKET).',
  ENETDOWN: 'The interface is down: "ip link set NAME up".',
};
