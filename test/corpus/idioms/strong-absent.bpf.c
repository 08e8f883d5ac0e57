// SPDX-License-Identifier: Apache-2.0
/* A strong kernel option that no kernel has: the object is refused even where the program does not use it. */
#include "idiom.h"

extern bool CONFIG_BPFSHIP_GONE __kconfig;

HOOK int bad_strong_absent(void *ctx) { return CONFIG_BPFSHIP_GONE; }
HOOK int bad_strong_absent_beside(void *ctx) { return read_pid(); }
