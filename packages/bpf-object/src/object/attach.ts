import { SECTION_RULES, type SectionRule } from './section-rules.ts';

/** How and where a program attaches, read from its section name as libbpf reads it. */
export interface ProgramAttachment {
  /** libbpf's program type name; `unspec` where libbpf does not know the section. */
  type: string;
  /** libbpf's attach type name; absent where the section sets none. */
  attachType?: string;
  sleepable: boolean;
  /** XDP program that takes packets of several buffers (BPF_F_XDP_HAS_FRAGS). */
  xdpFrags: boolean;
  /** Kind of kernel hook, e.g. `raw-tracepoint`; absent where the section names no kernel target. */
  hook?: string;
  /** e.g. `sched_process_exec`, `syscalls/sys_enter_execve`. */
  target?: string;
  /** Bytes into the function; kprobes only. */
  targetOffset?: number;
  /** Everything after the first `/`, where the rule allows it: also user-space targets. */
  extra?: string;
}

function fits(rule: SectionRule, section: string): boolean {
  if (!rule.section.endsWith('+')) return rule.section === section;
  const prefix = rule.section.slice(0, -1);
  return section === prefix || section.startsWith(`${prefix}/`);
}

/** Reads a section name; a leading `?` (do not load by default) is the caller's to cut off. */
export function readSectionName(section: string): ProgramAttachment {
  const rule = SECTION_RULES.find((candidate) => fits(candidate, section));
  if (rule === undefined) return { type: 'unspec', sleepable: false, xdpFrags: false };
  const extra = rule.section.endsWith('+') ? section.slice(rule.section.length) : '';
  return {
    type: rule.type,
    ...(rule.attachType === undefined ? {} : { attachType: rule.attachType }),
    sleepable: rule.sleepable ?? false,
    xdpFrags: rule.frags ?? false,
    ...(extra === '' ? {} : { extra }),
    ...(rule.hook === undefined || extra === '' ? {} : readTarget(rule.hook, extra)),
  };
}

function readTarget(hook: string, extra: string): Pick<ProgramAttachment, 'hook' | 'target' | 'targetOffset'> {
  const offset = hook === 'kprobe' ? /^(.*)\+(0x[0-9a-f]+|\d+)$/i.exec(extra) : null;
  if (offset?.[1] === undefined) return { hook, target: extra };
  return { hook, target: offset[1], targetOffset: Number(offset[2]) };
}
