import type { BpfProgram } from '@bpfship/bpf-object';
import type { VariantProgram } from '@bpfship/media-types';

/** A program as the BTF index describes it. */
export function describeProgram({ name, section, attachment }: BpfProgram): VariantProgram {
  const { type, target, targetOffset, sleepable, xdpFrags } = attachment;
  const flags = [...(sleepable ? ['sleepable'] : []), ...(xdpFrags ? ['xdp-frags'] : [])];
  const offset = targetOffset === undefined ? '' : `+0x${targetOffset.toString(16)}`;
  return {
    name,
    section,
    type,
    hook: hookOf({ section, attachment }),
    ...(target === undefined ? {} : { target: `${target}${offset}` }),
    ...(flags.length === 0 ? {} : { flags }),
  };
}

/** The word for the hook (spec/requirements.md, "Hooks"), also where it gets its target at run time. */
function hookOf({ section, attachment }: Pick<BpfProgram, 'section' | 'attachment'>): string {
  const { hook, type, attachType = type } = attachment;
  if (hook !== undefined) return hook;
  // uprobe, uretprobe, usdt, ksyscall: all of them are kprobe programs.
  if (type === 'kprobe') return section.split(/[/.]/, 1)[0] ?? type;
  if (type === 'sched_cls' || type === 'sched_act') return /^(?:tcx|netkit)/.exec(attachType)?.[0] ?? 'tc';
  return attachType.replaceAll('_', '-');
}
