import type { BpfProgram } from './bpf-object.ts';

/** The word for a program's hook (spec/requirements.md, "Hooks"), also where it gets its target at run time. */
export function hookName({ section, attachment }: Pick<BpfProgram, 'section' | 'attachment'>): string {
  const { hook, type, attachType = type } = attachment;
  if (hook !== undefined) return hook;
  // uprobe, uretprobe, usdt, ksyscall: all of them are kprobe programs.
  if (type === 'kprobe') return section.split(/[/.]/, 1)[0] ?? type;
  if (type === 'sched_cls' || type === 'sched_act') return /^(?:tcx|netkit)/.exec(attachType)?.[0] ?? 'tc';
  return attachType.replaceAll('_', '-');
}
