// SPDX-License-Identifier: Apache-2.0
/* Guards by existence, size, sign and flavour of types, fields and enumerators. */
#include "idiom.h"

HOOK int ok_field_exists(void *ctx) { if (HAS_GONE) return read_gone(); return 0; }
HOOK int bad_field_exists_inverted(void *ctx) { if (!HAS_GONE) return read_gone(); return 0; }
HOOK int bad_unguarded(void *ctx) { return read_gone(); }
HOOK int bad_guard_of_another_field(void *ctx) { if (HAS_PID) return read_gone(); return 0; }
HOOK int bad_after_guarded(void *ctx) { long sum = 0; if (HAS_GONE) sum += read_gone(); return sum + read_gone(); }
HOOK int ok_either_flavour(void *ctx) { return HAS_NEW ? read_new() : read_old(); }
HOOK int ok_either_flavour_inverted(void *ctx) { if (!HAS_NEW) return read_old(); return read_new(); }
HOOK int bad_either_flavour_swapped(void *ctx) { return HAS_NEW ? read_old() : read_new(); }
HOOK int new_only(void *ctx) { return read_new(); }
HOOK int old_only(void *ctx) { return read_old(); }
HOOK int ok_type_exists(void *ctx) { if (bpf_core_type_exists(struct bpfship_no_such_type)) { struct bpfship_no_such_type *t = (void *)bpf_get_current_task(); return BPF_CORE_READ(t, member); } return 0; }
HOOK int bad_type_missing(void *ctx) { struct bpfship_no_such_type *t = (void *)bpf_get_current_task(); return BPF_CORE_READ(t, member); }
HOOK int bad_type_exists_inverted(void *ctx) { if (!bpf_core_type_exists(struct bpfship_no_such_type)) { struct bpfship_no_such_type *t = (void *)bpf_get_current_task(); return BPF_CORE_READ(t, member); } return 0; }
HOOK int ok_enum_value_exists(void *ctx) { if (bpf_core_enum_value_exists(enum bpfship_no_such_enum, BPFSHIP_NO_SUCH_VALUE)) return bpf_core_enum_value(enum bpfship_no_such_enum, BPFSHIP_NO_SUCH_VALUE); return 0; }
HOOK int bad_enum_value(void *ctx) { return bpf_core_enum_value(enum bpfship_no_such_enum, BPFSHIP_NO_SUCH_VALUE); }
HOOK int ok_type_size_zero(void *ctx) { if (bpf_core_type_size(struct bpfship_no_such_type) != 0) return read_gone(); return 0; }
HOOK int bad_type_size_zero(void *ctx) { if (bpf_core_type_size(struct bpfship_no_such_type) == 0) return read_gone(); return 0; }
HOOK int bad_field_size_of_missing(void *ctx) { return bpf_core_field_size(struct task_struct___gone, bpfship_gone); }
HOOK int ok_field_size(void *ctx) { if (bpf_core_field_size(struct task_struct, pid) == 8) return read_gone(); return 0; }
HOOK int bad_field_size(void *ctx) { if (bpf_core_field_size(struct task_struct, pid) == 4) return read_gone(); return 0; }
HOOK int ok_field_size_array(void *ctx) { if (bpf_core_field_size(struct task_struct, comm) > 16) return read_gone(); return 0; }
HOOK int ok_field_sign(void *ctx) { if (!__builtin_preserve_field_info(((struct task_struct *)0)->pid, BPF_FIELD_SIGNED)) return read_gone(); return 0; }
HOOK int bad_field_sign(void *ctx) { if (__builtin_preserve_field_info(((struct task_struct *)0)->pid, BPF_FIELD_SIGNED)) return read_gone(); return 0; }
HOOK int ok_field_offset(void *ctx) { if (bpf_core_field_offset(struct task_struct, tgid) < bpf_core_field_offset(struct task_struct, pid)) return read_gone(); return 0; }
HOOK int bad_field_offset(void *ctx) { if (bpf_core_field_offset(struct task_struct, tgid) > bpf_core_field_offset(struct task_struct, pid)) return read_gone(); return 0; }
HOOK int ok_enum_value_compare(void *ctx) { if (bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_HASH) != 1) return read_gone(); return 0; }
HOOK int bad_enum_value_compare(void *ctx) { if (bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_HASH) < 5) return read_gone(); return 0; }
HOOK int ok_type_id(void *ctx) { if (bpf_core_type_id_kernel(struct bpfship_no_such_type)) return read_gone(); return 0; }
HOOK int bad_type_id(void *ctx) { if (bpf_core_type_id_kernel(struct task_struct)) return read_gone(); return 0; }
HOOK int bad_type_id_local(void *ctx) { if (bpf_core_type_id_local(struct bpfship_no_such_type)) return read_gone(); return 0; }

struct task_struct___bits {
	unsigned int sched_reset_on_fork : 1;
	unsigned int bpfship_gone_bit : 1;
} core;
HOOK int ok_bitfield(void *ctx) { struct task_struct___bits *t = (void *)bpf_get_current_task(); return BPF_CORE_READ_BITFIELD_PROBED(t, sched_reset_on_fork); }
HOOK int bad_bitfield(void *ctx) { struct task_struct___bits *t = (void *)bpf_get_current_task(); return BPF_CORE_READ_BITFIELD_PROBED(t, bpfship_gone_bit); }
HOOK int ok_bitfield_guarded(void *ctx) { struct task_struct___bits *t = (void *)bpf_get_current_task(); if (bpf_core_field_exists(t->bpfship_gone_bit)) return BPF_CORE_READ_BITFIELD_PROBED(t, bpfship_gone_bit); return 0; }

SEC("tp_btf/sched_switch")
int bad_direct_load(__u64 *ctx) { struct task_struct___gone *t = (void *)ctx[1]; return t->bpfship_gone != 0; }
SEC("tp_btf/sched_switch")
int ok_direct_load_guarded(__u64 *ctx) { struct task_struct___gone *t = (void *)ctx[1]; if (bpf_core_field_exists(t->bpfship_gone)) return t->bpfship_gone != 0; return 0; }
SEC("tp_btf/sched_switch")
int ok_direct_load_flavours(__u64 *ctx) { struct task_struct___new *n = (void *)ctx[1]; struct task_struct___old *o = (void *)ctx[1]; if (bpf_core_field_exists(n->__state)) return n->__state != 0; return o->state != 0; }
