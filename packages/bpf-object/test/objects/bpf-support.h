/* The little that the test objects need: no vmlinux.h, so that only what a test names is relocated. */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* Newer than the installed bpf_core_read.h. */
#ifndef bpf_core_type_matches
#define bpf_core_type_matches(type) __builtin_preserve_type_info(*(typeof(type) *)0, BPF_TYPE_MATCHES)
#endif

#define CORE __attribute__((preserve_access_index))
