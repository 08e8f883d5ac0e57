// SPDX-License-Identifier: Apache-2.0
/* A strong symbol that no kernel has. */
#include "idiom.h"

extern const void bpfship_no_such_symbol __ksym;

HOOK int bad_strong_ksym(void *ctx) { return opaque((__u64)&bpfship_no_such_symbol) != 0; }
HOOK int bad_strong_ksym_beside(void *ctx) { return read_pid(); }
