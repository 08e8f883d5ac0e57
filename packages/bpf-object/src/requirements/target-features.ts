import type { ProgramAttachment } from '../object/attach.ts';

/** Functions that never return to a program that waits for it (kernel/bpf/verifier.c, noreturn_deny). */
const NEVER_RETURN =
  /^(?:do_exit|do_group_exit|make_task_dead|kthread_exit|kthread_complete_and_exit|__module_put_and_kthread_exit|__(?:x64|ia32)_sys_exit(?:_group)?)$/;
const TRAMPOLINES = new Set(['trace_fentry', 'trace_fexit', 'modify_return']);

/**
 * What the kernel asks of a function that a program goes to, where the name of the function tells: programs that may sleep, and those that
 * change what it returns, may go only to functions for errors to be injected into, which system calls are, to hooks of security modules
 * (the latter), and to a few of BPF's own (kernel/bpf/verifier.c, bpf_check_attach_target, check_attach_modify_return).
 */
export function targetFeatures({ type, attachType = '', sleepable, target, extra }: ProgramAttachment): string[] {
  if (type === 'tracing' || type === 'lsm') {
    // Which function it is for is said when it is loaded (bpf_program__set_attach_target).
    if (extra === undefined) return ['target-given-later'];
  }
  // Each hook of security modules for itself (kernel/bpf/bpf_lsm.c, bpf_lsm_is_sleepable_hook).
  if (type === 'lsm' && attachType === 'lsm_mac' && sleepable && target !== undefined && /^[a-z0-9_]+$/.test(target))
    return [`sleepable-lsm-${target.replaceAll('_', '-')}`];
  if (!TRAMPOLINES.has(attachType) || target === undefined || /^(?:hid_)?bpf_/.test(target)) return [];
  const changes = attachType === 'modify_return' && !target.startsWith('security_');
  return [
    ...(sleepable || changes ? ['error-injection'] : []),
    ...(attachType !== 'trace_fentry' && NEVER_RETURN.test(target) ? ['noreturn-functions'] : []),
  ];
}
