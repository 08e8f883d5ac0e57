// SPDX-License-Identifier: Apache-2.0
/* A kernel function declared as something else: the loader gives up the object. */
#include "idiom.h"

extern void bpf_rcu_read_lock(int more) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
SEC("tc") int bad_prototype(void *ctx) { bpf_rcu_read_lock(1); bpf_rcu_read_unlock(); return 0; }
