import type { ComparedProgram } from './compare.ts';
import type { Truth } from './truth.ts';

/** Why a kernel refused what we said loads. */
export type Cause =
  /** No kernel that was measured loads it: one load when it is built shows that. */
  | 'loads-nowhere'
  /** Something that the tool's user space sets before it loads: an inner map, an attach target. */
  | 'user-space'
  /** The loader that the truth was measured with does not know the section, whatever the kernel can do. */
  | 'loader'
  /** The verifier itself, in code that names nothing that the kernel lacks. */
  | 'verifier'
  /** The machine forbids it, whatever the kernel can do. */
  | 'machine'
  /** None of these: a requirement that no rule asks for. */
  | 'rule-missing';

const USER_SPACE =
  /inner map|attach_prog_fd|attach target|target program|should be set|exec_path|No such process.*inner/;

/** libbpf's words about a section of no program type, and those of older ones about the address of an arena (bpf_object_load_prog, parse_btf_map_def). */
const LOADER =
  /missing BPF prog type, check ELF section name|unrecognized ELF section name|attr 'map_extra': expected PTR/;

/** Cause of a false "loads". `everywhere`: truths of the same program on all kernels. */
export function classify({ truth }: ComparedProgram, everywhere: readonly Truth[]): Cause {
  const { log = '', errno, stage } = truth;
  if (errno === 1 && !log.includes('processed')) return 'machine';
  if (LOADER.test(log)) return 'loader';
  if (USER_SPACE.test(log)) return 'user-space';
  if (everywhere.length > 1 && everywhere.every(({ loaded }) => !loaded)) return 'loads-nowhere';
  return stage === 'load' && /^processed \d+ insns/m.test(log) ? 'verifier' : 'rule-missing';
}

/** The lines of libbpf's messages that say what went wrong, at most three. */
export function telling(log: string | undefined): string {
  const noise =
    /END PROG LOAD LOG|BEGIN PROG LOAD LOG|^processed \d|failed to load|^$|BPF program load failed|_states /;
  const lines = (log ?? '').split('\n').filter((line) => !noise.test(line.trim()));
  return lines
    .slice(-3)
    .map((line) => line.trim())
    .join(' | ')
    .slice(-400);
}
