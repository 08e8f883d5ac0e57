import type { CoreRelocationRecord } from '../btf-ext/parse-btf-ext.ts';
import type { Btf } from '../btf/btf.ts';
import { essentialName } from '../btf/essential-name.ts';
import { parseSpec } from '../core/spec.ts';
import { RelocationAbort } from '../core/relocation.ts';

/**
 * Structs that the kernel promises to programs as their context (include/uapi/linux/bpf.h): members never move, new ones come at the end.
 * Of each a late member that Linux 5.9 had, and its byte: a struct that has it there holds what the header holds before it, not a part that
 * somebody wrote down for a relocation.
 */
const LATE_MEMBERS: ReadonlyMap<string, readonly [name: string, offset: number]> = new Map([
  ['__sk_buff', ['gso_segs', 164]],
  ['xdp_md', ['rx_queue_index', 16]],
  ['bpf_sock', ['state', 72]],
  ['bpf_sock_addr', ['msg_src_ip6', 44]],
  ['bpf_sockopt', ['retval', 36]],
  ['bpf_sock_ops', ['bytes_acked', 176]],
  ['bpf_sk_lookup', ['local_port', 60]],
  ['bpf_sysctl', ['file_pos', 4]],
  ['bpf_cgroup_dev_ctx', ['minor', 8]],
  ['sk_msg_md', ['size', 68]],
  ['sk_reuseport_md', ['hash', 32]],
]);

/** Members that a kernel made smaller (5.18): the loader changes the size of the load with them. */
const RESIZED: ReadonlySet<string> = new Set(['bpf_sock dst_port', 'bpf_sk_lookup remote_port']);

/** Whether a relocation of a field's offset gives, on every kernel that has the field, what the object's own types say. */
export function isFixedOffset(btf: Btf | undefined, record: CoreRelocationRecord): boolean {
  if (btf === undefined || record.kind !== 'field-byte-offset') return false;
  const type = btf.type(record.typeId);
  if (type.kind !== 'struct') return false;
  const name = essentialName(type.name);
  const [late, offset] = LATE_MEMBERS.get(name) ?? [];
  if (late === undefined || offset === undefined) return false;
  if (!type.members.some((member) => member.name === late && member.bitOffset === offset * 8)) return false;
  const field = fieldOf(btf, record);
  return field !== undefined && !RESIZED.has(`${name} ${field}`);
}

/** The field of the root type that is meant; undefined for an access that no loader takes. */
function fieldOf(btf: Btf, record: CoreRelocationRecord): string | undefined {
  try {
    return parseSpec(btf, record).accessors.find((accessor) => accessor.name !== undefined)?.name;
  } catch (error) {
    if (error instanceof RelocationAbort) return undefined;
    throw error;
  }
}
