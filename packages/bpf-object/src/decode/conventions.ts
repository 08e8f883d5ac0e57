import type { Btf } from '../btf/btf.ts';
import { sizeOfType, skipModifiers } from '../btf/resolve-type.ts';
import type { ShownFormat } from './formatting.ts';

/** Whose address, what, and which version: `saddr`, `dst_ip`, `daddr_v6`, `skc_rcv_saddr`. */
const ADDRESS =
  /^(?:\w+_)?(?:[sdlr]|src|dst|source|dest|local|remote|peer|client|server|rcv_s)?_?(?:addr|ip)(?:ess)?_?(?:v?[46])?$/;
/** As {@link ADDRESS}, where an integer of the machine's order has that name: only names that mean nothing else. */
const HOST_ADDRESS = /^(?:skc_|rcv_)*(?:[sdlr]|src_|dst_|local_|remote_)(?:addr|ip)(?:_?v?4)?$/;
const ADDRESS_V6 = /(?:v6|ip6|in6|6_?addr|addr6)/;
/** `h_dest` and `h_source` are those of struct ethhdr. */
const HARDWARE = /^(?:h_dest|h_source|\w*mac(?:_?addr)?|\w*hw_?addr|\w*eth_?addr|[sd]ha|dev_addr)$/;

/**
 * The format that a field has by the conventions of the kernel and of libbpf's and bcc's tools: `__be16`, `__be32` and `__be64` are in
 * network order; a `__be32` with an address's name, `saddr` and its like, `struct in_addr` and `struct in6_addr` are addresses, as are 16
 * bytes with the name of one; 6 bytes with the name of a hardware address are one; `ktime_t` is a time.
 */
export function conventionalFormat(btf: Btf, typeId: number, name: string): ShownFormat | undefined {
  const named = namedType(btf, typeId);
  switch (named) {
    case 'in_addr':
      return 'ipv4';
    case 'in6_addr':
      return 'ipv6';
    case 'ktime_t':
      return 'monotonic';
    case '__be16':
    case '__be64':
      return 'big-endian';
    case '__be32':
      return ADDRESS.test(name) ? 'ipv4' : 'big-endian';
    default:
      return formatOfName(btf, typeId, name);
  }
}

function formatOfName(btf: Btf, typeId: number, name: string): ShownFormat | undefined {
  const type = skipModifiers(btf, typeId);
  const size = sizeOfType(btf, typeId);
  if (type.kind === 'int') {
    if (size === 4 && HOST_ADDRESS.test(name)) return 'ipv4';
    return size === 16 && (ADDRESS.test(name) || ADDRESS_V6.test(name)) ? 'ipv6' : undefined;
  }
  if (type.kind !== 'array') return undefined;
  const element = skipModifiers(btf, type.elementType);
  if (element.kind !== 'int') return undefined;
  if (size === 6 && element.size === 1 && HARDWARE.test(name)) return 'mac';
  if (size === 4 && element.size === 1 && !element.isChar && ADDRESS.test(name)) return 'ipv4';
  if (size === 16 && !element.isChar && element.name !== 'char' && (ADDRESS.test(name) || ADDRESS_V6.test(name)))
    return 'ipv6';
  return undefined;
}

/** The name that says what a type is: of a typedef that convention knows, or of a struct. */
function namedType(btf: Btf, typeId: number): string {
  let type = btf.type(typeId);
  for (let link = 0; link < 32; link++) {
    switch (type.kind) {
      case 'typedef':
        if (/^(?:__be(?:16|32|64)|ktime_t)$/.test(type.name)) return type.name;
        type = btf.type(type.type);
        break;
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        type = btf.type(type.type);
        break;
      default:
        return type.kind === 'struct' ? type.name : '';
    }
  }
  return '';
}
