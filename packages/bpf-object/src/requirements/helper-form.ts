import type { ProgramAttachment } from '../object/attach.ts';

/** Attach types whose programs go into a function through a trampoline: they may call the same (bpf_prog_has_trampoline). */
const TRAMPOLINES = new Set(['trace_fentry', 'trace_fexit', 'modify_return']);

const USER_COPIES = ['bpf_copy_from_user', 'bpf_copy_from_user_task'];
const SOCKET_OPTIONS = ['bpf_setsockopt', 'bpf_getsockopt'];
const CGROUP_RESULTS = ['bpf_get_retval', 'bpf_set_retval'];
const TRAMPOLINE_HELPERS = ['bpf_get_func_arg', 'bpf_get_func_ret', 'bpf_get_func_arg_cnt', 'bpf_get_attach_cookie'];

/**
 * Helpers that only some forms of a program type may call, by type: kernel/trace/bpf_trace.c (bpf_tracing_func_proto,
 * tracing_prog_func_proto), kernel/bpf/bpf_lsm.c (bpf_lsm_func_proto), kernel/bpf/cgroup.c (cgroup_common_func_proto,
 * cg_sockopt_func_proto), net/core/filter.c (sock_addr_func_proto, sock_filter_func_proto). Which forms differs from kernel to kernel.
 */
export const HELPERS_BY_FORM: ReadonlyMap<string, readonly string[]> = new Map([
  ['kprobe', USER_COPIES],
  [
    'tracing',
    [...USER_COPIES, ...SOCKET_OPTIONS, ...TRAMPOLINE_HELPERS, 'bpf_seq_printf', 'bpf_seq_printf_btf', 'bpf_seq_write'],
  ],
  [
    'lsm',
    [
      ...USER_COPIES,
      ...SOCKET_OPTIONS,
      ...CGROUP_RESULTS,
      ...TRAMPOLINE_HELPERS,
      'bpf_get_local_storage',
      'bpf_ima_file_hash',
      'bpf_ima_inode_hash',
    ],
  ],
  ['cgroup_sock_addr', [...SOCKET_OPTIONS, ...CGROUP_RESULTS, 'bpf_bind']],
  ['cgroup_sock', SOCKET_OPTIONS],
  ['cgroup_sockopt', SOCKET_OPTIONS],
]);

/**
 * In which form a program is loaded, where that decides whether it may call the helper: its attach type, all trampolines as one, or its
 * type where there is none, and `.s` where it may sleep. undefined where the type alone decides.
 */
export function helperForm(helper: string, { type, attachType, sleepable }: ProgramAttachment): string | undefined {
  if (HELPERS_BY_FORM.get(type)?.includes(helper) !== true) return undefined;
  // What a probe is attached to makes no difference to the verifier.
  const kind = type === 'kprobe' ? type : attachType;
  if (kind === undefined) return undefined;
  return `${TRAMPOLINES.has(kind) ? 'trace_fentry' : kind}${sleepable ? '.s' : ''}`;
}
