import type { Native } from '../native/library.ts';

/** include/uapi/linux/if_link.h */
const F_UPDATE_IF_NOEXIST = 1;
const F_REPLACE = 1 << 4;

/** An XDP program at an interface without a link. */
export interface XdpPlace {
  interfaceIndex: number;
  /** XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE or 0. */
  flags: number;
}

/** Puts a program on an interface that has none. @returns 0 or `-errno`. */
export function setXdp(native: Native, interfaceIndex: number, flags: number, program: number): number {
  return native.xdpAttach(interfaceIndex, program, flags | F_UPDATE_IF_NOEXIST, null);
}

/** Puts another program, or none (-1), in the place of one, if that is still there (Linux 5.7). @returns 0 or `-errno`. */
export function replaceXdp(native: Native, { interfaceIndex, flags }: XdpPlace, old: number, next: number): number {
  // struct bpf_xdp_attach_opts
  const options = Buffer.alloc(16);
  options.writeBigUInt64LE(16n, 0);
  options.writeInt32LE(old, 8);
  return native.xdpAttach(interfaceIndex, next, flags | F_REPLACE, options);
}

/** Id of the program on an interface; 0 where there is none, `undefined` where the interface is gone. */
export function xdpProgram(native: Native, { interfaceIndex, flags }: XdpPlace): number | undefined {
  const id = Buffer.alloc(4);
  return native.xdpQueryId(interfaceIndex, flags, id) < 0 ? undefined : id.readUInt32LE(0);
}
