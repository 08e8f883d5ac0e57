import { EXIT, mapAddress, MOV_R0_0 } from './native/assemble.ts';
import { BTF_INT, BTF_KIND, btfInfo, loadBtf } from './native/btf-blob.ts';
import { answerOf } from './native/errno.ts';
import type { FeatureProbe } from './probe-features.ts';
import { createMap, withMap } from './probe-maps.ts';

const F_SLEEPABLE = 1 << 4;
/** Type id of the value in the BTF that is made here. */
const VALUE = 3;

/** Whether a program may refer to a map whose values hold a field of the kernel's (verifier.c, check_map_prog_compatibility). */
function field(name: string, size: number, program: { type: string; flags?: number }): FeatureProbe {
  return (bpf, attempt) => {
    const btf = loadBtf(bpf, {
      types: [BTF_INT, [9, btfInfo(BTF_KIND.struct), size], [5, btfInfo(BTF_KIND.struct, 1), size, 7, 2, 0]],
      names: ['int', 'v', 'f', name],
    });
    if (btf < 0) return answerOf(btf);
    try {
      const map = createMap(bpf, 'array', { value: size }, { btf, valueType: VALUE });
      return withMap(bpf, map, (fd) =>
        answerOf(attempt({ ...program, instructions: [...mapAddress(1, fd), MOV_R0_0, EXIT] }).result),
      );
    } finally {
      bpf.native.close(btf);
    }
  };
}

/** Features of maps: fields of the kernel's in their values, and sizes. */
export const MAP_FIELD_PROGRAMS: Readonly<Record<string, FeatureProbe>> = {
  'spin-locks-in-tracing': field('bpf_spin_lock', 4, { type: 'kprobe' }),
  'spin-locks-in-socket-filters': field('bpf_spin_lock', 4, { type: 'socket_filter' }),
  'spin-locks-in-sleepable': field('bpf_spin_lock', 4, { type: 'syscall', flags: F_SLEEPABLE }),
  'timers-in-tracing': field('bpf_timer', 16, { type: 'kprobe' }),
  // Values of arrays beyond 4 MiB, and keys of hash tables beyond 512 bytes
  'large-array-values': (bpf) => withMap(bpf, createMap(bpf, 'array', { value: 4 * 1024 * 1024 + 8 }), () => true),
  'large-hash-keys': (bpf) => withMap(bpf, createMap(bpf, 'hash', { key: 520 }), () => true),
  // Values of storage of cgroups beyond a page (5.15)
  'large-cgroup-storage-values': (bpf) =>
    withMap(bpf, createMap(bpf, 'percpu_cgroup_storage', { key: 16, value: 4104, entries: 0 }), () => true),
  'work-queues-in-tracing': field('bpf_wq', 16, { type: 'kprobe' }),
};
