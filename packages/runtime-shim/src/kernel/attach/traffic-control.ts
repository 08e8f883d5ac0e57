import type { Native } from '../native/library.ts';
import { askNetlink, NETLINK_ROUTE } from '../native/netlink.ts';

/** libbpf.h, enum bpf_tc_attach_point */
const POINTS = { ingress: 1, egress: 2 } as const;
const F_REPLACE = 1;
/** include/uapi/linux/rtnetlink.h, pkt_sched.h (TC_H_CLSACT with TC_H_MIN_INGRESS and TC_H_MIN_EGRESS) */
const RTM_GETTFILTER = 46;
const PARENTS = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;
const HOOK_SIZE = 24;
const OPTIONS_SIZE = 40;

/** A place for classifiers: one side of an interface's clsact qdisc. */
export interface FilterPlace {
  interfaceIndex: number;
  direction: 'ingress' | 'egress';
}

/** One classifier. */
export interface Filter extends FilterPlace {
  handle: number;
  priority: number;
}

/** Makes the interface's clsact qdisc. @returns whether it was not there before, or `-errno`. */
export function createQdisc(native: Native, place: FilterPlace): boolean | number {
  const result = native.tcHookCreate(hookOf(place));
  return result === 0 ? true : result === -17 ? false : result;
}

/** Removes the qdisc with all that is on it. */
export function removeQdisc(native: Native, { interfaceIndex }: FilterPlace): void {
  const hook = hookOf({ interfaceIndex, direction: 'ingress' });
  hook.writeUInt32LE(POINTS.ingress | POINTS.egress, 12);
  native.tcHookDestroy(hook);
}

/** Puts a program at a filter's place; with `replace` in the place of the one that is there, without a gap. @returns 0 or `-errno`. */
export function setFilter(native: Native, filter: Filter, program: number, replace = false): number {
  return native.tcAttach(hookOf(filter), optionsOf(filter, program, replace ? F_REPLACE : 0));
}

/** Removes a filter. @returns 0 or `-errno`. */
export function removeFilter(native: Native, filter: Filter): number {
  return native.tcDetach(hookOf(filter), optionsOf(filter));
}

/** Id of the program of a filter; `undefined` where there is none. */
export function filterProgram(native: Native, filter: Filter): number | undefined {
  const options = optionsOf(filter);
  return native.tcQuery(hookOf(filter), options) < 0 ? undefined : options.readUInt32LE(16);
}

/** Whether there is any classifier on either side of the interface's clsact qdisc. */
export function hasFilters(native: Native, { interfaceIndex }: FilterPlace): boolean {
  return Object.values(PARENTS).some((parent) => {
    // struct tcmsg
    const payload = Buffer.alloc(20);
    payload.writeInt32LE(interfaceIndex, 4);
    payload.writeUInt32LE(parent, 12);
    return askNetlink(native, { family: NETLINK_ROUTE, type: RTM_GETTFILTER, payload, dump: true }).length > 0;
  });
}

/** struct bpf_tc_hook */
function hookOf({ interfaceIndex, direction }: FilterPlace): Buffer {
  const hook = Buffer.alloc(HOOK_SIZE);
  hook.writeBigUInt64LE(BigInt(HOOK_SIZE), 0);
  hook.writeInt32LE(interfaceIndex, 8);
  hook.writeUInt32LE(POINTS[direction], 12);
  return hook;
}

/** struct bpf_tc_opts */
function optionsOf({ handle, priority }: Filter, program = 0, flags = 0): Buffer {
  const options = Buffer.alloc(OPTIONS_SIZE);
  options.writeBigUInt64LE(BigInt(OPTIONS_SIZE), 0);
  options.writeInt32LE(program, 8);
  options.writeUInt32LE(flags, 12);
  options.writeUInt32LE(handle, 20);
  options.writeUInt32LE(priority, 24);
  return options;
}
