// SPDX-License-Identifier: Apache-2.0
/* Guards by kernel version, kernel options and symbols. Only what every configuration answers: strong externs are in files of their own. */
#include "idiom.h"

extern bool CONFIG_BPFSHIP_GONE __kconfig __weak;
extern bool CONFIG_BPF_SYSCALL __kconfig __weak;
extern enum libbpf_tristate CONFIG_NF_CONNTRACK __kconfig __weak;
extern int CONFIG_HZ __kconfig __weak;
extern char CONFIG_CC_VERSION_TEXT[64] __kconfig __weak;
extern const void init_task __ksym __weak;
extern const void bpfship_no_such_symbol __ksym __weak;
extern void bpfship_no_such_kfunc(void) __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;

HOOK int ok_version_future(void *ctx) { if (LINUX_KERNEL_VERSION >= KERNEL_VERSION(99, 0, 0)) return read_gone(); return 0; }
HOOK int bad_version_past(void *ctx) { if (LINUX_KERNEL_VERSION >= KERNEL_VERSION(4, 0, 0)) return read_gone(); return 0; }
HOOK int ok_version_flavour(void *ctx) { if (LINUX_KERNEL_VERSION >= KERNEL_VERSION(5, 14, 0)) return read_new(); return read_old(); }
HOOK int bad_version_flavour_wrong(void *ctx) { if (LINUX_KERNEL_VERSION < KERNEL_VERSION(5, 14, 0)) return read_new(); return read_old(); }
HOOK int new_version_boundary(void *ctx) { if (LINUX_KERNEL_VERSION < KERNEL_VERSION(6, 1, 0)) return read_gone(); return 0; }
HOOK int old_version_major(void *ctx) { if (LINUX_KERNEL_VERSION >> 16 >= 6) return read_gone(); return 0; }
HOOK int dep_version_even_minor(void *ctx) { if ((LINUX_KERNEL_VERSION >> 8) & 1) return read_gone(); return 0; }
HOOK int dep_version_sublevel(void *ctx) { if ((LINUX_KERNEL_VERSION & 255) == 0) return read_gone(); return 0; }
HOOK int dep_config_absent(void *ctx) { if (CONFIG_BPFSHIP_GONE) return read_gone(); return 0; }
HOOK int bad_config_absent(void *ctx) { if (!CONFIG_BPFSHIP_GONE) return read_gone(); return 0; }
HOOK int dep_config_present(void *ctx) { if (!CONFIG_BPF_SYSCALL) return read_gone(); return 0; }
HOOK int dep_config_tristate(void *ctx) { if (CONFIG_NF_CONNTRACK == TRI_MODULE) return read_gone(); return 0; }
HOOK int dep_config_tristate_no(void *ctx) { if (CONFIG_NF_CONNTRACK == TRI_NO) return read_gone(); return 0; }
HOOK int dep_config_number(void *ctx) { if (CONFIG_HZ == 250) return read_gone(); return 0; }
HOOK int dep_config_number_range(void *ctx) { if (CONFIG_HZ > 100) return read_gone(); return 0; }
HOOK int dep_config_string(void *ctx) { if (CONFIG_CC_VERSION_TEXT[0] == 'g') return read_gone(); return 0; }
HOOK int dep_config_string_index(void *ctx) { if (CONFIG_CC_VERSION_TEXT[1] == 0) return read_gone(); return 0; }
HOOK int dep_config_two(void *ctx) { if (CONFIG_BPF_SYSCALL && CONFIG_NF_CONNTRACK != TRI_YES && CONFIG_HZ != 1000) return read_gone(); return 0; }

HOOK int ok_ksym_missing(void *ctx) { if (&bpfship_no_such_symbol) return read_gone(); return 0; }
HOOK int bad_ksym_missing(void *ctx) { if (!&bpfship_no_such_symbol) return read_gone(); return 0; }
HOOK int ok_ksym_present(void *ctx) { if (!&init_task) return read_gone(); return 0; }
HOOK int bad_ksym_present(void *ctx) { if (&init_task) return read_gone(); return 0; }
HOOK int ok_ksym_compare(void *ctx) { if (&bpfship_no_such_symbol > (void *)1000) return read_gone(); return 0; }
HOOK int ok_ksym_stored(void *ctx) { volatile __u64 address = (__u64)&bpfship_no_such_symbol; if (address) return read_gone(); return 0; }

SEC("tp_btf/sched_switch") int ok_kfunc_missing(__u64 *ctx) { if (bpfship_no_such_kfunc) bpfship_no_such_kfunc(); return 0; }
SEC("tp_btf/sched_switch") int bad_kfunc_missing(__u64 *ctx) { bpfship_no_such_kfunc(); return 0; }
SEC("tp_btf/sched_switch") int bad_kfunc_missing_inverted(__u64 *ctx) { if (!bpfship_no_such_kfunc) bpfship_no_such_kfunc(); return 0; }
SEC("tp_btf/sched_switch") int ok_kfunc_maybe(__u64 *ctx) { if (bpf_rcu_read_lock) { bpf_rcu_read_lock(); if (bpf_rcu_read_unlock) bpf_rcu_read_unlock(); } return 0; }
SEC("tp_btf/sched_switch") int new_kfunc(__u64 *ctx) { bpf_rcu_read_lock(); bpf_rcu_read_unlock(); return 0; }
SEC("tp_btf/sched_switch") int ok_kfunc_or_field(__u64 *ctx) { if (bpf_rcu_read_lock) { bpf_rcu_read_lock(); bpf_rcu_read_unlock(); return 0; } if (HAS_CGRP_STORAGE) return read_gone(); return 0; }
