// SPDX-License-Identifier: BSD-2-Clause
// libbpf's messages, collected by the thread in which they were said.
#include <stdarg.h>
#include <stdio.h>
#include "bpf/libbpf.h"
#include "bpfship.h"

// A verifier's log comes as one message; its end is in the log buffer of the load.
#define LONGEST_MESSAGE 4096

static __thread struct bpfship_log *thread_log;

static int collect(enum libbpf_print_level level, const char *format, va_list arguments)
{
	struct bpfship_log *log = thread_log;
	char message[LONGEST_MESSAGE];
	uint32_t length;
	int wanted;

	if (!log || (uint32_t)level > log->level)
		return 0;
	wanted = vsnprintf(message, sizeof(message), format, arguments);
	if (wanted <= 0)
		return 0;
	length = (size_t)wanted < sizeof(message) ? (uint32_t)wanted : sizeof(message) - 1;
	if (log->used > log->size || length > log->size - log->used) {
		log->dropped++;
		return 0;
	}
	__builtin_memcpy(log->text + log->used, message, length);
	log->used += length;
	return 0;
}

void bpfship_log_into(struct bpfship_log *log)
{
	thread_log = log;
	libbpf_set_print(collect);
}

uint32_t bpfship_abi(void)
{
	return BPFSHIP_ABI;
}
