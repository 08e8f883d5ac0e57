/* SPDX-License-Identifier: GPL-2.0-only */
/* The first arguments, for kernels without bpf_loop. Unrolled, since before 5.3 the verifier refuses every loop. */
#ifndef ARGUMENTS_BOUNDED_H
#define ARGUMENTS_BOUNDED_H

#include "arguments.h"

#define MAX_ARGS 20

static __always_inline void read_arguments(struct arguments *arguments)
{
#pragma unroll
	for (int i = 0; i < MAX_ARGS; i++) {
		if (read_argument(arguments))
			return;
	}
}

#endif
