import { parseBtf } from '@bpfship/bpf-object';

/** The most functions that are listed; Linux 7.2 has 301. */
const MAX_FUNCTIONS = 4096;

/** Kernel functions that programs may call, by the tag that pahole gives them (`bpf_kfunc`, 6.10); none before. */
export function listKernelFunctions(bytes: Uint8Array): { name: string; id: number }[] {
  try {
    const btf = parseBtf(bytes);
    const found = new Map<string, number>();
    for (const tag of btf.typesNamed('bpf_kfunc', 'decl_tag')) {
      const type = btf.type(tag);
      if (type.kind !== 'decl_tag' || found.size >= MAX_FUNCTIONS) continue;
      const name = btf.nameOf(type.type);
      if (name !== '' && btf.kindOf(type.type) === 'func') found.set(name, type.type);
    }
    return [...found].map(([name, id]) => ({ name, id })).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    // BTF that cannot be read says nothing.
    return [];
  }
}

/** Functions of the kernel image that stand for hooks of security modules (include/linux/bpf_lsm.h); Linux 7.2 has some 270. */
export function listLsmHooks(bytes: Uint8Array): { name: string; id: number }[] {
  try {
    const btf = parseBtf(bytes);
    const found: { name: string; id: number }[] = [];
    for (let id = 1; id < btf.typeCount && found.length < MAX_FUNCTIONS; id++) {
      if (btf.kindOf(id) !== 'func') continue;
      const name = btf.nameOf(id);
      if (name.startsWith('bpf_lsm_')) found.push({ name, id });
    }
    return found;
  } catch {
    return [];
  }
}
