// SPDX-License-Identifier: Apache-2.0
/* Global functions by their arguments, and targets that some programs may not have. */
#include "idiom.h"

__noinline int takes_number(int number) { asm volatile(""); return number + 1; }
__noinline int takes_context(struct __sk_buff *ctx) { asm volatile(""); return ctx->len & 1; }
__noinline int takes_memory(int *number) { asm volatile(""); return number ? *number : 0; }

SEC("tc") int any_number(struct __sk_buff *ctx) { return takes_number(ctx->len); }
SEC("tc") int any_context(struct __sk_buff *ctx) { return takes_context(ctx); }
SEC("tc") int new_memory(struct __sk_buff *ctx) { int number = ctx->len; return takes_memory(&number); }
SEC("fmod_ret/security_file_open") int any_fmod_ret_security(__u64 *ctx) { return 0; }
SEC("fmod_ret/__x64_sys_getpgid") int dep_fmod_ret_call(__u64 *ctx) { return 0; }
SEC("fmod_ret/vfs_read") int dep_fmod_ret_other(__u64 *ctx) { return 0; }
SEC("fentry.s/__x64_sys_getpgid") int dep_fentry_sleepable_call(__u64 *ctx) { return 0; }
SEC("fentry.s/vfs_read") int dep_fentry_sleepable_other(__u64 *ctx) { return 0; }
