// SPDX-License-Identifier: Apache-2.0
/* Guards that are computed: masks, shifts, widths, inline assembly, comparisons of every kind. */
#include "idiom.h"

HOOK int ok_and(void *ctx) { if (opaque(HAS_PID) & opaque(HAS_GONE)) return read_gone(); return 0; }
HOOK int bad_or(void *ctx) { if (opaque(HAS_PID) | opaque(HAS_GONE)) return read_gone(); return 0; }
HOOK int ok_or_two_missing(void *ctx) { if (opaque(HAS_GONE) | opaque(HAS_GONE_TOO)) return read_gone(); return 0; }
HOOK int ok_mask_bits(void *ctx) { __u64 bits = HAS_PID | HAS_GONE << 1 | HAS_NEW << 2; if (opaque(bits) & 2) return read_gone(); return 0; }
HOOK int bad_mask_bits(void *ctx) { __u64 bits = HAS_PID | HAS_GONE << 1 | HAS_NEW << 2; if (opaque(bits) & 3) return read_gone(); return 0; }
HOOK int ok_mask_unknown(void *ctx) { __u64 bits = unknown() & ~1ull; bits |= HAS_GONE; if (opaque(bits) & 1) return read_gone(); return 0; }
HOOK int ok_mask_zero_unknown(void *ctx) { __u64 bits = unknown() & opaque((__u64)HAS_GONE); if (bits) return read_gone(); return 0; }
HOOK int dep_multiply_unknown(void *ctx) { __u64 bits = (__u32)unknown() * opaque((__u64)HAS_GONE); if (opaque(bits)) return read_gone(); return 0; }
HOOK int ok_xor(void *ctx) { if (opaque(HAS_PID) ^ 1) return read_gone(); return 0; }
HOOK int bad_xor(void *ctx) { if (opaque(HAS_GONE) ^ 1) return read_gone(); return 0; }
HOOK int dep_xor_self(void *ctx) { __u64 x = unknown(); asm volatile("%0 ^= %0" : "+r"(x)); if (x) return read_gone(); return 0; }
HOOK int dep_subtract_self(void *ctx) { __u64 x = unknown(); asm volatile("%0 -= %0" : "+r"(x)); if (x) return read_gone(); return 0; }
HOOK int ok_sum(void *ctx) { if (opaque(HAS_PID) + opaque(HAS_GONE) + opaque(HAS_GONE_TOO) > 1) return read_gone(); return 0; }
HOOK int bad_sum(void *ctx) { if (opaque(HAS_PID) + opaque(HAS_GONE) + opaque(HAS_GONE_TOO) >= 1) return read_gone(); return 0; }
HOOK int ok_negative(void *ctx) { __s64 x = -(__s64)opaque((__s64)HAS_GONE); if (x < 0) return read_gone(); return 0; }
HOOK int dep_negate(void *ctx) { __s64 x = opaque((__s64)HAS_PID); asm volatile("%0 = -%0" : "+r"(x)); if (x >= 0) return read_gone(); return 0; }
HOOK int bad_signed_compare(void *ctx) { __s64 x = opaque((__s64)HAS_PID) - 2; if (x < 0) return read_gone(); return 0; }
HOOK int ok_unsigned_compare(void *ctx) { __u64 x = opaque((__u64)HAS_PID) - 2; if (x < 100) return read_gone(); return 0; }
HOOK int ok_signed_32(void *ctx) { __s32 x = opaque((__s32)HAS_PID) - 2; if (x >= 0) return read_gone(); return 0; }
HOOK int ok_compare_32(void *ctx) { __u32 x = opaque((__u32)HAS_GONE); if (x == 1) return read_gone(); return 0; }
HOOK int bad_compare_32(void *ctx) { __u32 x = opaque((__u32)HAS_PID); if (x == 1) return read_gone(); return 0; }
HOOK int ok_truncate(void *ctx) { __u64 x = opaque((__u64)HAS_PID) << 32; if ((__u32)opaque(x)) return read_gone(); return 0; }
HOOK int bad_truncate(void *ctx) { __u64 x = opaque((__u64)HAS_PID) << 32; if (opaque(x)) return read_gone(); return 0; }
HOOK int ok_shift_amount(void *ctx) { __u64 x = 1ull << opaque((__u64)HAS_GONE); if (opaque(x) != 1) return read_gone(); return 0; }
HOOK int ok_arithmetic_shift(void *ctx) { __s64 x = (__s64)(opaque((__u64)HAS_PID) << 63) >> 63; if (opaque(x) != -1) return read_gone(); return 0; }
HOOK int dep_divide(void *ctx) { __u64 x = (opaque((__u64)HAS_PID) + 9) / 5; if (opaque(x) != 2) return read_gone(); return 0; }
HOOK int dep_modulo(void *ctx) { __u64 x = (opaque((__u64)HAS_PID) + 9) % 5; if (opaque(x) != 0) return read_gone(); return 0; }
HOOK int dep_byte_swap(void *ctx) { __u64 x = opaque((__u64)HAS_PID); asm volatile("%0 = be16 %0" : "+r"(x)); if (x != 256) return read_gone(); return 0; }
HOOK int dep_truncate_16(void *ctx) { __u64 x = opaque((__u64)HAS_GONE); asm volatile("%0 = le16 %0" : "+r"(x)); if (x) return read_gone(); return 0; }
HOOK int ok_select(void *ctx) { long x = HAS_GONE ? 17 : 0; x += HAS_PID ? 4 : 900; if (opaque(x) > 10) return read_gone(); return 0; }
HOOK int bad_select(void *ctx) { long x = HAS_GONE ? 17 : 0; x += HAS_PID ? 4 : 900; if (opaque(x) < 10) return read_gone(); return 0; }
HOOK int ok_not_not(void *ctx) { if (!!opaque(HAS_GONE) == true) return read_gone(); return 0; }
HOOK int ok_equal_registers(void *ctx) { if (opaque(HAS_GONE) == opaque(HAS_PID)) return read_gone(); return 0; }
HOOK int bad_equal_registers(void *ctx) { if (opaque(HAS_GONE) == opaque(HAS_GONE_TOO)) return read_gone(); return 0; }
HOOK int ok_copied_register(void *ctx) { __u64 x = (__u32)unknown(), y; asm volatile("%0 = %1" : "=r"(y) : "r"(x)); if (x != 5) return 0; asm volatile("" : "+r"(y)); if (y != 5) return read_gone(); return 0; }
HOOK int ok_copied_register_back(void *ctx) { __u64 x = (__u32)unknown(), y; asm volatile("%0 = %1" : "=r"(y) : "r"(x)); asm volatile("" : "+r"(y)); if (y != 5) return 0; asm volatile("" : "+r"(x)); if (x != 5) return read_gone(); return 0; }
HOOK int ok_copied_range(void *ctx) { __u64 x = (__u32)unknown(), y; asm volatile("%0 = %1" : "=r"(y) : "r"(x)); if (x > 5) return 0; asm volatile("" : "+r"(y)); if (y > 5) return read_gone(); return 0; }
HOOK int dep_copied_offset(void *ctx) { __u64 x = (__u32)unknown() & 0xff, y; asm volatile("%0 = %1; %0 += 3" : "=r"(y) : "r"(x)); if (x > 5) return 0; asm volatile("" : "+r"(y)); if (y > 8) return read_gone(); return 0; }
HOOK int dep_copied_offset_back(void *ctx) { __u64 x = (__u32)unknown() & 0xff, y; asm volatile("%0 = %1; %0 += 3" : "=r"(y) : "r"(x)); asm volatile("" : "+r"(y)); if (y > 8) return 0; asm volatile("" : "+r"(x)); if (x > 5) return read_gone(); return 0; }
HOOK int bad_copied_offset(void *ctx) { __u64 x = (__u32)unknown() & 0xff, y; asm volatile("%0 = %1; %0 += 3" : "=r"(y) : "r"(x)); if (x > 5) return 0; asm volatile("" : "+r"(y)); if (y > 7) return read_gone(); return 0; }
HOOK int dep_copied_offset_twice(void *ctx) { __u64 x = (__u32)unknown() & 0xff, y; asm volatile("%0 = %1; %0 += 3; %0 += 4" : "=r"(y) : "r"(x)); if (x > 5) return 0; asm volatile("" : "+r"(y)); if (y > 12) return read_gone(); return 0; }
HOOK int dep_copied_offset_down(void *ctx) { __u64 x = ((__u32)unknown() & 0xff) + 16, y; asm volatile("%0 = %1; %0 += -3" : "=r"(y) : "r"(x)); if (x > 20) return 0; asm volatile("" : "+r"(y)); if (y > 17) return read_gone(); return 0; }
HOOK int dep_copied_offset_both(void *ctx) { __u64 x = (__u32)unknown() & 0xff, y; asm volatile("%0 = %1; %0 += 3; %1 += 7" : "=r"(y), "+r"(x)); if (x > 12) return 0; asm volatile("" : "+r"(y)); if (y > 8) return read_gone(); return 0; }
HOOK int dep_copied_offset_equal(void *ctx) { __u64 x = (__u32)unknown() & 0xff, y; asm volatile("%0 = %1; %0 += 3" : "=r"(y) : "r"(x)); if (x != 5) return 0; asm volatile("" : "+r"(y)); if (y != 8) return read_gone(); return 0; }
HOOK int ok_signed_below_negative(void *ctx) { __u64 x = (__u32)unknown() & 0xff, go = 1; asm volatile("if %1 s< -1 goto +1; %0 = 0" : "+r"(go) : "r"(x)); if (go) return read_gone(); return 0; }
HOOK int bad_signed_above_negative(void *ctx) { __u64 x = (__u32)unknown() & 0xff, go = 1; asm volatile("if %1 s> -1 goto +1; %0 = 0" : "+r"(go) : "r"(x)); if (go) return read_gone(); return 0; }
HOOK int dep_signed_32_sign(void *ctx) { __u64 x = (__u64)unknown(); __s32 low = x; asm volatile("" : "+r"(low)); if (low >= 0) return 0; asm volatile("" : "+r"(low)); if (low >= 0) return read_gone(); return 0; }
HOOK int dep_signed_32_bounds(void *ctx) { __s32 low = (__u32)unknown(); asm volatile("" : "+r"(low)); if (low <= 10) return 0; asm volatile("" : "+r"(low)); if (low < 11) return read_gone(); return 0; }
HOOK int ok_range_sum(void *ctx) { __u64 x = (__u64)unknown() & 7, y = (__u64)unknown() & 7; if (opaque(x) + opaque(y) > 14) return read_gone(); return 0; }
HOOK int bad_range_sum(void *ctx) { __u64 x = (__u64)unknown() & 7, y = (__u64)unknown() & 7; if (opaque(x) + opaque(y) > 13) return read_gone(); return 0; }
HOOK int dep_range_two_registers(void *ctx) { __u64 x = (__u64)unknown() & 7, y = ((__u64)unknown() & 7) + 8; if (opaque(x) > opaque(y)) return read_gone(); return 0; }
HOOK int ok_range_32_to_64(void *ctx) { __u64 x = (__u32)unknown(); if ((__u32)x != 9) return 0; asm volatile("" : "+r"(x)); if (x != 9) return read_gone(); return 0; }
HOOK int dep_range_signed(void *ctx) { __s64 x = (__s32)unknown(); if (x < 0) return 0; asm volatile("" : "+r"(x)); if (x > 0x7fffffff) return read_gone(); return 0; }
HOOK int dep_set_bit(void *ctx) { __u64 x = (__u64)unknown() | 8; asm volatile("" : "+r"(x)); if (x == 0) return read_gone(); return 0; }
HOOK int dep_test_bit(void *ctx) { __u64 x = (__u64)unknown(); asm volatile("" : "+r"(x)); if (!(x & 16)) return 0; asm volatile("" : "+r"(x)); if (!(x & 16)) return read_gone(); return 0; }
HOOK int ok_assembly(void *ctx) { __u64 has = HAS_GONE; asm volatile("r0 = %0; r0 <<= 3; %0 = r0" : "+r"(has) : : "r0"); if (has == 8) return read_gone(); return 0; }
HOOK int ok_assembly_jump(void *ctx) { __u64 has = HAS_GONE, go = 0; asm volatile("if %1 == 0 goto +1; %0 = 1" : "+r"(go) : "r"(has)); if (go) return read_gone(); return 0; }
HOOK int bad_assembly_jump(void *ctx) { __u64 has = HAS_GONE, go = 0; asm volatile("if %1 != 0 goto +1; %0 = 1" : "+r"(go) : "r"(has)); if (go) return read_gone(); return 0; }
HOOK int ok_offset_as_condition(void *ctx) { if (bpf_core_field_offset(struct task_struct, pid) == 0) return read_gone(); return 0; }
HOOK int ok_array_index(void *ctx) { static const __u8 jumps[4] = { 1, 2, 3, 4 }; __u32 i = opaque((__u32)HAS_GONE); if (jumps[i & 3] != 1) return read_gone(); return 0; }
