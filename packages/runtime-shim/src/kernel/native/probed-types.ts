import type { ProbedKind } from './find-btf-ids.ts';

/** Types of the kernel's BTF that probes refer to by id, beside kernel functions that are asked for. */
export const PROBED_TYPES: readonly (readonly [kind: ProbedKind, name: string])[] = [
  ['func', 'bpf_fentry_test1'],
  ['func', 'bpf_iter_task'],
  ['func', 'bpf_iter_tcp'],
  ['func', 'bpf_lsm_file_open'],
  ['func', 'bpf_lsm_socket_post_create'],
  ['func', 'do_exit'],
  ['func', '__x64_sys_getpgid'],
  ['func', '__arm64_sys_getpgid'],
  ['func', 'from_kuid'],
  ['func', 'call_usermodehelper'],
  ['func', 'vfs_read'],
  ['func', 'bpf_iter_num_new'],
  ['func', 'bpf_iter_num_destroy'],
  ['typedef', 'btf_trace_sys_enter'],
  ['struct', 'tcp_congestion_ops'],
  ['struct', 'sched_ext_ops'],
  ['var', 'runqueues'],
  ['var', 'bpf_prog_active'],
  ['var', 'bpf_user_rnd_state'],
];
