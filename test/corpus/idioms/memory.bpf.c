// SPDX-License-Identifier: Apache-2.0
/* Guards that pass through memory: global data, maps, the stack. */
#include "idiom.h"

const volatile bool flag_off = false;
const volatile bool flag_on = true;
const volatile __u32 level = 3;
const volatile __u8 table[4] = { 0, 0, 1, 0 };
const volatile struct { __u16 low; __u16 high; __u64 wide; } settings = { .low = 1, .wide = 5 };
const char text[] = "abc";
bool data_flag = true;
bool bss_flag;
volatile __u64 data_written = 7;

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); } settings_map SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } hash SEC(".maps");

HOOK int ok_rodata_flag(void *ctx) { if (flag_off) return read_gone(); return 0; }
HOOK int bad_rodata_flag(void *ctx) { if (flag_on) return read_gone(); return 0; }
HOOK int ok_rodata_number(void *ctx) { if (level > 5) return read_gone(); return level; }
HOOK int bad_rodata_number(void *ctx) { if (level > 2) return read_gone(); return 0; }
HOOK int ok_rodata_element(void *ctx) { if (table[1]) return read_gone(); return 0; }
HOOK int bad_rodata_element(void *ctx) { if (table[2]) return read_gone(); return 0; }
HOOK int bad_rodata_index_unknown(void *ctx) { if (table[unknown() & 3]) return read_gone(); return 0; }
HOOK int ok_rodata_index_by_guard(void *ctx) { if (table[opaque((__u64)HAS_GONE) & 3]) return read_gone(); return 0; }
HOOK int ok_rodata_member(void *ctx) { if (settings.high) return read_gone(); return 0; }
HOOK int bad_rodata_member(void *ctx) { if (settings.wide == 5) return read_gone(); return 0; }
HOOK int ok_rodata_and_exists(void *ctx) { if (flag_on && HAS_GONE) return read_gone(); return 0; }
HOOK int bad_rodata_or_exists(void *ctx) { if (flag_on || HAS_GONE) return read_gone(); return 0; }
HOOK int ok_rodata_loop(void *ctx)
{
	long sum = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < level; i++)
		if (table[i & 3] && i != 2)
			sum += read_gone();
	return sum;
}
HOOK int bad_data_flag(void *ctx) { if (!data_flag) return read_gone(); return 0; }
HOOK int bad_bss_flag(void *ctx) { if (bss_flag) return read_gone(); return 0; }
HOOK int bad_data_written(void *ctx) { data_written = 0; if (data_written) return read_gone(); return 0; }
HOOK int bad_map_value(void *ctx) { __u32 key = 0; __u64 *value = bpf_map_lookup_elem(&settings_map, &key); if (value && *value) return read_gone(); return 0; }
HOOK int bad_map_value_stored(void *ctx) { __u32 key = 0; __u64 *value = bpf_map_lookup_elem(&settings_map, &key); if (!value) return 0; *value = HAS_GONE; if (*(volatile __u64 *)value) return read_gone(); return 0; }
HOOK int bad_map_missing(void *ctx) { __u32 key = 0; __u64 *value = bpf_map_lookup_elem(&hash, &key); if (!value) return read_gone(); return 0; }
HOOK int bad_map_found(void *ctx) { __u32 key = 0; __u64 *value = bpf_map_lookup_elem(&hash, &key); if (value) return read_gone(); return 0; }
HOOK int ok_map_checked_twice(void *ctx) { __u32 key = 0; __u64 *value = bpf_map_lookup_elem(&hash, &key); if (!value) return 0; bpf_ktime_get_ns(); asm volatile("" : "+r"(value)); if (!value) return read_gone(); return 0; }
HOOK int dep_array_lookup(void *ctx) { __u32 key = 0; __u64 *value = bpf_map_lookup_elem(&settings_map, &key); if (!value) return read_gone(); return 0; }

HOOK int ok_spill_8(void *ctx) { volatile __u64 has = HAS_GONE; bpf_ktime_get_ns(); if (has) return read_gone(); return 0; }
HOOK int dep_spill_4(void *ctx) { volatile __u32 has = HAS_GONE; bpf_ktime_get_ns(); if (has) return read_gone(); return 0; }
HOOK int dep_spill_2(void *ctx) { volatile __u16 has = HAS_GONE; bpf_ktime_get_ns(); if (has) return read_gone(); return 0; }
HOOK int dep_spill_1(void *ctx) { volatile bool has = HAS_GONE; bpf_ktime_get_ns(); if (has) return read_gone(); return 0; }
HOOK int dep_spill_4_one(void *ctx) { volatile __u32 has = HAS_PID; bpf_ktime_get_ns(); if (!has) return read_gone(); return 0; }
HOOK int dep_spill_1_one(void *ctx) { volatile bool has = HAS_PID; bpf_ktime_get_ns(); if (!has) return read_gone(); return 0; }
HOOK int bad_spill_8(void *ctx) { volatile __u64 has = HAS_PID; bpf_ktime_get_ns(); if (has) return read_gone(); return 0; }
HOOK int dep_spill_8_fill_4(void *ctx) { volatile __u64 has = HAS_GONE; if (*(volatile __u32 *)&has) return read_gone(); return 0; }
HOOK int dep_spill_8_fill_4_one(void *ctx) { volatile __u64 has = HAS_PID; if (!*(volatile __u32 *)&has) return read_gone(); return 0; }
HOOK int dep_spill_4_fill_8(void *ctx) { volatile __u64 has = 0; *(volatile __u32 *)&has = HAS_PID; if (has != 1) return read_gone(); return 0; }
HOOK int dep_spill_high_half(void *ctx) { volatile __u64 has = 0; *((volatile __u32 *)&has + 1) = HAS_GONE; if (has) return read_gone(); return 0; }

struct options { __u64 first; __u32 second; __u16 third; __u8 fourth; __u8 fifth; __u64 last; };
HOOK int ok_struct_on_stack(void *ctx) { volatile struct options o = { .first = HAS_GONE }; if (o.first) return read_gone(); return 0; }
HOOK int dep_struct_second(void *ctx) { volatile struct options o = { .first = 1, .second = HAS_GONE, .fifth = 1 }; if (o.second) return read_gone(); return 0; }
HOOK int dep_struct_fifth(void *ctx) { volatile struct options o = { .first = 1, .fifth = HAS_GONE }; if (o.fifth) return read_gone(); return 0; }
HOOK int dep_struct_fourth_one(void *ctx) { volatile struct options o = { .fourth = HAS_PID }; if (!o.fourth) return read_gone(); return 0; }
HOOK int ok_struct_memset(void *ctx) { struct options o; __builtin_memset(&o, 0, sizeof(o)); asm volatile("" : : "r"(&o) : "memory"); if (o.last) return read_gone(); return 0; }
HOOK int ok_struct_memset_narrow(void *ctx) { struct options o; __builtin_memset(&o, 0, sizeof(o)); asm volatile("" : : "r"(&o) : "memory"); if (o.fourth || o.third) return read_gone(); return 0; }
HOOK int bad_struct_written_by_helper(void *ctx) { struct options o = {}; bpf_probe_read_kernel(&o, sizeof(o), ctx); if (o.last) return read_gone(); return 0; }
HOOK int ok_struct_written_beside(void *ctx) { struct options o = {}; bpf_probe_read_kernel(&o.first, 8, ctx); asm volatile("" : : "r"(&o) : "memory"); if (o.last) return read_gone(); return o.first; }
HOOK int dep_struct_read_by_helper(void *ctx) { __u64 value[2] = { 0, 0 }; __u32 key = 0; bpf_map_update_elem(&settings_map, &key, value, 0); asm volatile("" : : "r"(value) : "memory"); if (value[0]) return read_gone(); return 0; }
HOOK int dep_struct_read_by_helper_one(void *ctx) { __u64 value[2] = { 1, 0 }; __u32 key = 0; bpf_map_update_elem(&settings_map, &key, value, 0); asm volatile("" : : "r"(value) : "memory"); if (value[0] != 1) return read_gone(); return 0; }
HOOK int dep_stack_index_unknown(void *ctx) { volatile __u64 array[4] = { 0, 0, 0, 0 }; array[unknown() & 3] = 0; if (array[2]) return read_gone(); return 0; }
HOOK int bad_stack_index_unknown(void *ctx) { volatile __u64 array[4] = { 0, 0, 0, 0 }; array[unknown() & 3] = 1; if (array[2]) return read_gone(); return 0; }
HOOK int dep_stack_read_unknown(void *ctx) { volatile __u64 array[4] = { 0, 0, 0, 0 }; if (array[unknown() & 3]) return read_gone(); return 0; }
HOOK int ok_stack_overwritten(void *ctx) { volatile __u64 has = 1; bpf_ktime_get_ns(); has = HAS_GONE; if (has) return read_gone(); return 0; }
HOOK int bad_stack_merge(void *ctx) { volatile __u64 has = HAS_GONE; if (unknown() & 1) has = 1; if (has) return read_gone(); return 0; }
HOOK int dep_stack_atomic(void *ctx) { __u64 has = 0; __sync_fetch_and_add(&has, 0); asm volatile("" : : "r"(&has) : "memory"); if (has) return read_gone(); return 0; }
HOOK int dep_unknown_spilled(void *ctx) { volatile __u64 x = (__u32)unknown(); __u64 y = x; asm volatile("" : "+r"(y)); if (y != 4) return 0; if (x != 4) return read_gone(); return 0; }
HOOK int ok_pointer_spilled(void *ctx) { __u32 key = 0; __u64 *value = bpf_map_lookup_elem(&hash, &key); __u64 *volatile saved = value; if (!value) return 0; bpf_ktime_get_ns(); if (!saved) return read_gone(); return *saved; }
