import type { KnownRequirement } from '@bpfship/media-types/requirement';
import { type Answer, unmet } from '../answer.ts';

/** license_is_gpl_compatible (include/linux/license.h). The kernel compares the whole string; an object without one has the empty one. */
const GPL_COMPATIBLE: ReadonlySet<string> = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

/**
 * Helpers that the kernel has only ever given to GPL compatible programs, whatever their type (`gpl_only` of every `struct bpf_func_proto`
 * that a *_func_proto function returns for them: kernel/bpf, kernel/trace/bpf_trace.c, net/core/filter.c), without their `bpf_`.
 */
const GPL_HELPERS: ReadonlySet<string> = new Set(
  `
  check_mtu copy_from_user_task fib_lookup get_branch_snapshot get_current_task get_current_task_btf get_stack override_return
  perf_event_output perf_event_read perf_event_read_value perf_prog_read_value probe_read probe_read_kernel probe_read_kernel_str
  probe_read_str probe_read_user probe_read_user_str probe_write_user read_branch_records seq_printf seq_printf_btf seq_write skb_output
  snprintf task_pt_regs tcp_check_syncookie tcp_gen_syncookie timer_cancel timer_init timer_set_callback timer_start trace_printk
  trace_vprintk xdp_output
  `
    .trim()
    .split(/\s+/)
    .map((name) => `bpf_${name}`),
);

/** Types whose programs must be GPL compatible (bpf_lsm_verify_prog; verifier.c, check_struct_ops_btf_id). */
const GPL_PROGRAM_TYPES: ReadonlySet<string> = new Set(['lsm', 'struct_ops']);

/** Whether the kernel takes the licence for one that goes with the GPL. */
export function isGplCompatible(license: string): boolean {
  return GPL_COMPATIBLE.has(license);
}

/** What the licence of the object keeps from it (spec/selection.md, "Licence"); asked only where it is not GPL compatible. */
export function checkLicence(requirement: KnownRequirement, license: string): Answer {
  const told = license === '' ? 'the object names no licence' : `the object's licence is "${license}"`;
  switch (requirement.kind) {
    case 'helper':
      return GPL_HELPERS.has(requirement.value)
        ? unmet('helper-gpl-only', `${requirement.value} is for GPL compatible programs, and ${told}`)
        : 'met';
    case 'program-type':
      return GPL_PROGRAM_TYPES.has(requirement.value)
        ? unmet('licence-not-gpl', `${requirement.value} programs must be GPL compatible, and ${told}`)
        : 'met';
    case 'kfunc':
      // Looked at before any path is (verifier.c, add_kfunc_call); a weak one that is missing is no call any more.
      return unmet('licence-not-gpl', `only GPL compatible programs may call kernel functions, and ${told}`);
    default:
      return 'met';
  }
}
