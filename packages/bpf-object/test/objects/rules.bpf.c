// SPDX-License-Identifier: Apache-2.0
// Programs that kernels refuse by rules of their own, beside ones that they take.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct locked {
	struct bpf_spin_lock lock;
	int count;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct locked);
} locks SEC(".maps");

static __always_inline int lookup(void)
{
	__u32 zero = 0;
	struct locked *found = bpf_map_lookup_elem(&locks, &zero);

	return found ? found->count & 1 : 0;
}

static __noinline int verdict(void *ctx)
{
	return bpf_get_prandom_u32() ? 2 : 1;
}

__attribute__((noinline)) int takes_number(int number) { asm volatile(""); return number + 1; }
__attribute__((noinline)) int takes_context(struct __sk_buff *ctx) { asm volatile(""); return ctx->len + 1; }
__attribute__((noinline)) int takes_pointer(int *number) { asm volatile(""); return number ? *number : 0; }

SEC("tc") int global_number(struct __sk_buff *ctx) { return takes_number(ctx->len); }
SEC("tc") int global_context(struct __sk_buff *ctx) { return takes_context(ctx); }
SEC("tc") int global_pointer(struct __sk_buff *ctx) { int number = ctx->len; return takes_pointer(&number); }

SEC("fentry/vfs_read") int at_function(void *ctx) { return 0; }
SEC("fentry.s/vfs_read") int sleeps_at_function(void *ctx) { return 0; }
SEC("fexit/do_exit") int at_end_of_none(void *ctx) { return 0; }
SEC("fentry/do_exit") int at_begin_of_none(void *ctx) { return 0; }
SEC("lsm/file_open") int at_hook(void *ctx) { return 0; }
SEC("lsm.s/file_open") int sleeps_at_hook(void *ctx) { return 0; }
SEC("fmod_ret/security_file_open") int changes_security(void *ctx) { return 0; }
SEC("fmod_ret/__x64_sys_getpgid") int changes_call(void *ctx) { return 0; }
SEC("fmod_ret/bpf_modify_return_test") int changes_own(void *ctx) { return 0; }
SEC("fexit") int at_later(void *ctx) { return 0; }
SEC("kprobe") int probe_later(void *ctx) { return 0; }

SEC("tc") int lock_in_tc(void *ctx) { return lookup(); }
SEC("kprobe") int lock_in_kprobe(void *ctx) { return lookup(); }
SEC("socket") int lock_in_socket(void *ctx) { return lookup(); }
SEC("syscall") int lock_in_syscall(void *ctx) { return lookup(); }

SEC("cgroup/connect4") int returns_1(void *ctx) { return 1; }
SEC("cgroup/connect4") int returns_5(void *ctx) { return bpf_get_prandom_u32() & 1 ? 5 : 1; }
SEC("cgroup/connect4") int returns_of_function(void *ctx) { return verdict(ctx); }
SEC("cgroup/connect4") int returns_masked(void *ctx) { return bpf_get_prandom_u32() & 1; }
SEC("cgroup/bind4") int returns_3(void *ctx) { return 3; }
SEC("fexit/vfs_read") int returns_minus(void *ctx) { return -1; }
SEC("xdp") int returns_anything(void *ctx) { return 77; }
SEC("sk_lookup") __attribute__((naked)) int returns_nothing(void *ctx) { asm volatile("exit"); }
