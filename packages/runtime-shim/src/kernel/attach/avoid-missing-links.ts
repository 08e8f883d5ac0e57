import type { Bpf } from '../native/bpf.ts';
import type { Pointer } from '../native/library.ts';
import { LINK_FEATURES } from '../probe-links.ts';
import { tryProgram } from '../try-program.ts';

/** Sections of programs for many functions, and the kind of link that they are loaded for. */
const MULTI: readonly (readonly [section: RegExp, feature: string])[] = [
  [/^\??k(?:ret)?probe\.multi\b/, 'kprobe-multi'],
  [/^\??u(?:ret)?probe\.multi\b/, 'uprobe-multi'],
];

/**
 * Loads programs for many functions as programs for one where the kernel has no link for many: a program that is loaded for a link cannot
 * be put on a perf event (kernel/bpf/syscall.c, bpf_prog_attach_check_attach_type).
 */
export function avoidMissingLinks(bpf: Bpf, program: Pointer): void {
  const section = bpf.native.programSection(program);
  const feature = MULTI.find(([pattern]) => pattern.test(section))?.[1];
  const probe = feature === undefined ? undefined : LINK_FEATURES[feature];
  if (probe?.(bpf, (trial) => tryProgram(bpf, trial)) === false) bpf.native.programSetAttachType(program, 0);
}
