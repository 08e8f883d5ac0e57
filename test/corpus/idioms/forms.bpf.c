// SPDX-License-Identifier: Apache-2.0
/* Helpers that a program type may call in some of its forms only: by attach type, and where it may sleep. */
#include "idiom.h"
#include <linux/in.h>

static __always_inline int bind_any(struct bpf_sock_addr *ctx)
{
	struct sockaddr_in { __u16 family; __u16 port; __u32 address; char rest[8]; } any = { .family = 2 };

	return bpf_bind(ctx, (void *)&any, sizeof(any)) ? 0 : 1;
}
static __always_inline int option(void *ctx)
{
	int value = 0;

	return bpf_setsockopt(ctx, 1 /* SOL_SOCKET */, 12 /* SO_PRIORITY */, &value, sizeof(value)) ? 0 : 1;
}
static __always_inline int from_user(void *address) { char text[8]; bpf_copy_from_user(text, 8, address); return 0; }

SEC("cgroup/connect4") int any_connect_bind(struct bpf_sock_addr *ctx) { return bind_any(ctx); }
SEC("cgroup/bind4") int bad_bind_bind(struct bpf_sock_addr *ctx) { return bind_any(ctx); }
SEC("cgroup/sendmsg4") int bad_sendmsg_bind(struct bpf_sock_addr *ctx) { return bind_any(ctx); }
SEC("cgroup/connect4") int any_connect_option(struct bpf_sock_addr *ctx) { return option(ctx); }
SEC("cgroup/bind4") int dep_bind_option(struct bpf_sock_addr *ctx) { return option(ctx); }
SEC("cgroup/recvmsg4") int dep_recvmsg_option(struct bpf_sock_addr *ctx) { option(ctx); return 1; }
SEC("cgroup/recvmsg4") int bad_recvmsg_result(struct bpf_sock_addr *ctx) { bpf_set_retval(0); return 1; }
SEC("cgroup/connect4") int dep_connect_result(struct bpf_sock_addr *ctx) { bpf_set_retval(0); return 1; }
SEC("cgroup/getsockopt") int dep_getsockopt_option(struct bpf_sockopt *ctx) { return option(ctx->sk); }
SEC("kprobe/vfs_read") int bad_kprobe_copy(void *ctx) { return from_user(ctx); }
SEC("kprobe/vfs_read") int ok_kprobe_copy_guarded(void *ctx) { if (HAS_GONE) return from_user(ctx); return 0; }
SEC("uprobe.s//bin/sh:main") int dep_uprobe_copy(void *ctx) { return from_user(ctx); }
SEC("tracepoint/sched/sched_switch") int bad_tracepoint_copy(void *ctx) { return from_user(ctx); }
SEC("raw_tp/sched_switch") int bad_raw_tp_copy(void *ctx) { return from_user(ctx); }
SEC("tp_btf/sched_switch") int bad_tp_btf_copy(__u64 *ctx) { return from_user(ctx); }
SEC("fentry/vfs_read") int bad_fentry_copy(__u64 *ctx) { return from_user(ctx); }
SEC("fentry.s/__x64_sys_getpgid") int dep_fentry_sleepable_copy(__u64 *ctx) { return from_user(ctx); }
SEC("lsm/file_open") int bad_lsm_copy(__u64 *ctx) { return from_user(ctx); }
SEC("lsm.s/file_open") int any_lsm_sleepable_copy(__u64 *ctx) { return from_user(ctx); }
SEC("iter.s/task") int dep_iter_sleepable_copy(__u64 *ctx) { return from_user(ctx); }
SEC("iter/task") int any_iter_write(struct { struct { void *seq; } *meta; } *ctx) { return bpf_seq_write(ctx->meta->seq, "x", 1) ? 1 : 0; }
SEC("tp_btf/sched_switch") int bad_tp_btf_argument(__u64 *ctx) { __u64 value = 0; bpf_get_func_arg(ctx, 0, &value); return 0; }
SEC("fentry/vfs_read") int dep_fentry_argument(__u64 *ctx) { __u64 value = 0; bpf_get_func_arg(ctx, 0, &value); return 0; }
SEC("fexit/vfs_read") int dep_fexit_result(__u64 *ctx) { __u64 value = 0; bpf_get_func_ret(ctx, &value); return 0; }
SEC("iter/task") int bad_iter_argument(__u64 *ctx) { __u64 value = 0; bpf_get_func_arg(ctx, 0, &value); return 0; }
SEC("tp_btf/sched_switch") int dep_tp_btf_cookie(__u64 *ctx) { return bpf_get_attach_cookie(ctx) ? 0 : 0; }
SEC("fentry/vfs_read") int dep_fentry_cookie(__u64 *ctx) { return bpf_get_attach_cookie(ctx) ? 0 : 0; }
SEC("lsm_cgroup/socket_post_create") int dep_lsm_cgroup_result(__u64 *ctx) { return bpf_get_retval() ? 1 : 1; }
SEC("lsm/file_open") int bad_lsm_result(__u64 *ctx) { return bpf_get_retval() ? 0 : 0; }
