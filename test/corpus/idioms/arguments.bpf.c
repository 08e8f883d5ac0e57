// SPDX-License-Identifier: Apache-2.0
/* Arguments of what programs go to: how many there are, what they are, and what was returned. */
#include "idiom.h"

#define ARGUMENT(name, section, index) SEC(section) int name(__u64 *ctx) { return ((volatile __u64 *)ctx)[index] ? 0 : 0; }

ARGUMENT(ok_tp_second, "tp_btf/sched_switch", 1)
ARGUMENT(any_tp_third, "tp_btf/sched_switch", 2)
ARGUMENT(dep_tp_fourth, "tp_btf/sched_switch", 3)
ARGUMENT(bad_tp_fifth, "tp_btf/sched_switch", 4)
ARGUMENT(bad_tp_far, "tp_btf/sched_switch", 12)
ARGUMENT(any_tp_exec_third, "tp_btf/sched_process_exec", 2)
ARGUMENT(bad_tp_exec_fourth, "tp_btf/sched_process_exec", 3)
ARGUMENT(any_sys_enter_second, "tp_btf/sys_enter", 1)
ARGUMENT(bad_sys_enter_third, "tp_btf/sys_enter", 2)
// A pointer to const void
ARGUMENT(dep_tp_const_void, "tp_btf/kfree", 1)
ARGUMENT(any_fentry_last, "fentry/vfs_read", 3)
ARGUMENT(bad_fentry_return, "fentry/vfs_read", 4)
ARGUMENT(any_fexit_return, "fexit/vfs_read", 4)
ARGUMENT(bad_fexit_beyond, "fexit/vfs_read", 5)
ARGUMENT(bad_fexit_void, "fexit/exit_files", 1)
ARGUMENT(any_fexit_void_argument, "fexit/exit_files", 0)
ARGUMENT(any_mod_return, "fmod_ret/security_file_open", 1)
ARGUMENT(bad_mod_beyond, "fmod_ret/security_file_open", 2)
ARGUMENT(dep_mod_not_allowed, "fmod_ret/vfs_write", 0)
ARGUMENT(any_lsm_first, "lsm/file_open", 0)
ARGUMENT(dep_lsm_return, "lsm/file_open", 1)
ARGUMENT(bad_lsm_beyond, "lsm/file_open", 2)
ARGUMENT(dep_lsm_void_return, "lsm/inode_free_security", 1)
ARGUMENT(dep_struct_by_value, "fentry/from_kuid", 1)
ARGUMENT(bad_struct_by_value, "fentry/from_kuid", 2)
ARGUMENT(dep_struct_returned, "fentry/make_kuid", 0)
ARGUMENT(bad_variadic, "fentry/seq_printf", 0)
ARGUMENT(bad_variadic_printk, "fentry/_printk", 0)
ARGUMENT(dep_pointer_to_pointer, "fentry/call_usermodehelper", 1)
ARGUMENT(any_beside_pointer, "fentry/call_usermodehelper", 0)
ARGUMENT(dep_function_pointer, "fentry/smp_call_function", 0)
ARGUMENT(any_iter_task, "iter/task", 1)
ARGUMENT(bad_iter_task, "iter/task", 2)
ARGUMENT(any_iter_file, "iter/task_file", 3)
SEC("tp_btf/sched_switch") int bad_tp_write(__u64 *ctx) { ((volatile __u64 *)ctx)[0] = opaque(1ULL); return 0; }
SEC("tp_btf/sched_switch") int bad_tp_odd(__u64 *ctx) { return *(volatile __u32 *)((char *)ctx + 4); }
SEC("tp_btf/sched_switch") int any_tp_scalar_half(__u64 *ctx) { return *(volatile __u8 *)ctx; }
SEC("tp_btf/sched_switch") int dep_tp_pointer_half(__u64 *ctx) { return *(volatile __u32 *)((char *)ctx + 8); }
SEC("iter/unix") int dep_iter_scalar(__u64 *ctx) { return *(volatile __u32 *)((char *)ctx + 16) ? 0 : 0; }
SEC("tp_btf/sched_switch") int ok_tp_guarded(__u64 *ctx) { if (HAS_GONE) return ((volatile __u64 *)ctx)[9] != 0; return 0; }
SEC("tp_btf/sched_switch") int bad_tp_guarded(__u64 *ctx) { if (HAS_PID) return ((volatile __u64 *)ctx)[9] != 0; return 0; }
SEC("tp_btf/sched_switch") int dep_tp_guarded(__u64 *ctx) { if (HAS_NEW) return ((volatile __u64 *)ctx)[3] != 0; return 0; }
