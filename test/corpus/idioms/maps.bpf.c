// SPDX-License-Identifier: Apache-2.0
/* One map of each type, with the definition that MAP chooses. libbpf makes every map of an object, whichever program is loaded. */
#include "idiom.h"

#ifndef MAP
#define MAP 1
#endif
#define DEFINE(...) struct { __VA_ARGS__ } map SEC(".maps")
#if MAP == 1
DEFINE(__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, int); __type(value, long););
#elif MAP == 2
DEFINE(__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096););
#elif MAP == 3 /* not a power of two pages: libbpf rounds up */
DEFINE(__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 5000););
#elif MAP == 4
DEFINE(__uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096););
#elif MAP == 5
DEFINE(__uint(type, 33); __uint(max_entries, 10); __uint(map_flags, 1 << 10););
#elif MAP == 6
DEFINE(__uint(type, BPF_MAP_TYPE_BLOOM_FILTER); __uint(max_entries, 4); __type(value, long););
#elif MAP == 7
DEFINE(__uint(type, BPF_MAP_TYPE_TASK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, long););
#elif MAP == 8 /* without the flag that storage needs */
DEFINE(__uint(type, BPF_MAP_TYPE_TASK_STORAGE); __type(key, int); __type(value, long););
#elif MAP == 9
DEFINE(__uint(type, 32); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, long););
#elif MAP == 10 /* a stack of values has no key */
DEFINE(__uint(type, BPF_MAP_TYPE_STACK); __uint(max_entries, 4); __type(key, int); __type(value, long););
#elif MAP == 11
DEFINE(__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 8););
#elif MAP == 12
DEFINE(__uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 4); __uint(key_size, 8); __uint(value_size, 8););
#elif MAP == 13
DEFINE(__uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 4); __uint(map_flags, BPF_F_NO_PREALLOC); __uint(key_size, 8); __uint(value_size, 8););
#elif MAP == 14 /* flag of 5.12 on a hash: not its own */
DEFINE(__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __uint(map_flags, BPF_F_MMAPABLE); __type(key, int); __type(value, long););
#elif MAP == 15
DEFINE(__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __uint(map_flags, BPF_F_MMAPABLE); __type(key, int); __type(value, long););
#elif MAP == 16 /* an array's key is 4 bytes */
DEFINE(__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, long); __type(value, long););
#elif MAP == 17
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, int); };
DEFINE(__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 4); __type(key, int); __array(values, struct inner););
#elif MAP == 18 /* the inner map is left to user space */
DEFINE(__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 4); __type(key, int); __type(value, int););
#elif MAP == 19
DEFINE(__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(value, long););
#elif MAP == 20
DEFINE(__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE); __type(key, struct bpf_cgroup_storage_key); __type(value, long););
#elif MAP == 21
DEFINE(__uint(type, BPF_MAP_TYPE_SK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, long););
#elif MAP == 22
DEFINE(__uint(type, BPF_MAP_TYPE_DEVMAP_HASH); __uint(max_entries, 4); __type(key, int); __type(value, int););
#elif MAP == 23
DEFINE(__uint(type, BPF_MAP_TYPE_XSKMAP); __uint(max_entries, 4); __type(key, int); __type(value, int););
#elif MAP == 24 /* spin lock in a value */
struct locked { struct bpf_spin_lock lock; int value; };
DEFINE(__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, int); __type(value, struct locked););
#elif MAP == 25 /* timer in a value: 5.15 */
struct timed { struct bpf_timer timer; int value; };
DEFINE(__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, int); __type(value, struct timed););
#elif MAP == 26 /* spin lock where none may be */
struct locked { struct bpf_spin_lock lock; int value; };
DEFINE(__uint(type, BPF_MAP_TYPE_PERCPU_HASH); __uint(max_entries, 4); __type(key, int); __type(value, struct locked););
#elif MAP == 27
DEFINE(__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __uint(map_flags, BPF_F_INNER_MAP); __type(key, int); __type(value, long););
#elif MAP == 28 /* preallocated storage of sockets */
DEFINE(__uint(type, BPF_MAP_TYPE_SK_STORAGE); __type(key, int); __type(value, long););
#elif MAP == 29 /* a type that no kernel has */
DEFINE(__uint(type, 4000); __uint(max_entries, 4); __type(key, int); __type(value, long););
#elif MAP == 30 /* SOCKMAP, CPUMAP with a value of 8 */
DEFINE(__uint(type, BPF_MAP_TYPE_CPUMAP); __uint(max_entries, 4); __uint(key_size, 4); __uint(value_size, 8););
#elif MAP == 31
struct large { char bytes[5 * 1024 * 1024]; };
DEFINE(__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, int); __type(value, struct large););
#elif MAP == 32
struct long_key { char bytes[520]; };
DEFINE(__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, struct long_key); __type(value, long););
#endif

HOOK int map_used(void *ctx) { asm volatile("" : : "r"(&map)); return 0; }
HOOK int map_not_used(void *ctx) { return 0; }
