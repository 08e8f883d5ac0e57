/* SPDX-License-Identifier: GPL-2.0-only */
/* As many arguments as there is room for, by bpf_loop (Linux 5.17). */
#ifndef ARGUMENTS_LOOP_H
#define ARGUMENTS_LOOP_H

#include "arguments.h"

static long read_next_argument(__u32 index, void *arguments)
{
	return read_argument(arguments);
}

static __always_inline void read_arguments(struct arguments *arguments)
{
	/* Each argument takes at least the byte that ends it. */
	bpf_loop(ARGS_SIZE, read_next_argument, arguments, 0);
}

#endif
