/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads a process's arguments, which lie one after the other in its memory, each ended by a NUL byte. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "events.h"

/*
 * Where an event is put together: it is too large for the 512 bytes of BPF stack. The overflow lets the verifier see that a string
 * of up to ARGS_SIZE bytes fits wherever in args it begins; what comes to lie in it is not sent.
 */
struct scratch {
	struct exec_event event;
	char overflow[ARGS_SIZE];
};

/* How far the reading has come. */
struct arguments {
	struct scratch *scratch;
	unsigned long start; /* user addresses, as in mm_struct */
	unsigned long end;
	__u32 offset; /* of the next argument, from start and in args */
	__u32 count;
};

/* Reads one argument; a blank takes the place of the NUL before it. Returns 1 when there is nothing more to read, else 0. */
static __always_inline long read_argument(struct arguments *arguments)
{
	char *args = arguments->scratch->event.args;
	__u32 offset = arguments->offset;
	unsigned long from = arguments->start + offset;
	long length;

	if (offset >= ARGS_SIZE || from >= arguments->end)
		return 1;
	length = bpf_probe_read_user_str(&args[offset & (ARGS_SIZE - 1)], ARGS_SIZE, (const void *)from);
	if (length <= 0)
		return 1;
	if (offset > 0)
		args[(offset - 1) & (ARGS_SIZE - 1)] = ' ';
	arguments->offset = offset + length;
	arguments->count++;
	return 0;
}

#endif
