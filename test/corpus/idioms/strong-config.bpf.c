// SPDX-License-Identifier: Apache-2.0
/* A strong kernel option: without a configuration file libbpf does not load the object. */
#include "idiom.h"

extern bool CONFIG_BPF_SYSCALL __kconfig;
extern int CONFIG_HZ __kconfig;

HOOK int dep_strong_used(void *ctx) { if (!CONFIG_BPF_SYSCALL) return read_gone(); return 0; }
HOOK int dep_strong_number(void *ctx) { return CONFIG_HZ > 1 ? 0 : read_gone(); }
HOOK int dep_strong_not_used(void *ctx) { return read_pid(); }
