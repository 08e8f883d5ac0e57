import { existsSync } from 'node:fs';
import type { NumberedQuestion } from './protocol.ts';
import { assemble, CALL, EXIT, type Instruction, MOV_R0_0 } from './native/assemble.ts';
import { Arena } from './native/arena.ts';
import type { Bpf } from './native/bpf.ts';
import { COMMAND } from './native/bpf.ts';
import { answerOf } from './native/errno.ts';
import { PROGRAM_TYPES } from './native/names.ts';
import { FEATURE_PROGRAMS, type FeatureProbe } from './probe-features.ts';
import { LINK_FEATURES } from './probe-links.ts';
import { probeMapType } from './probe-maps.ts';

/** Bytes of verifier log that a probe reads. */
const LOG_SIZE = 4096;

/** Attach types that a program type does not load without (include/uapi/linux/bpf.h, enum bpf_attach_type). */
const EXPECTED_ATTACH_TYPE: Readonly<Record<string, number>> = {
  cgroup_sock_addr: 10, // BPF_CGROUP_INET4_CONNECT
  cgroup_sockopt: 21, // BPF_CGROUP_GETSOCKOPT
  lirc_mode2: 16, // BPF_LIRC_MODE2
  sk_lookup: 36, // BPF_SK_LOOKUP
  tracing: 24, // BPF_TRACE_FENTRY
  lsm: 27, // BPF_LSM_MAC
  netfilter: 45, // BPF_NETFILTER
};

/** A map: a hostile index may well ask for a feature called `constructor`. */
const FEATURES: ReadonlyMap<string, FeatureProbe> = new Map(Object.entries({ ...FEATURE_PROGRAMS, ...LINK_FEATURES }));

/** Types that load only onto a certain function; the verifier's complaint about function 1 says that it knows them. */
const NEEDS_TARGET: Readonly<Record<string, RegExp>> = {
  tracing: /attach_btf_id 1 is not a function/,
  lsm: /attach_btf_id 1 is not a function/,
  ext: /Cannot replace kernel functions/,
};

/** For types that load only onto a function: one that every kernel with BTF has, to try helpers with (by libbpf's names). */
const EXAMPLE_TARGET: Readonly<Record<string, string>> = { tracing: 'bpf_fentry_test1', lsm: 'file_open' };

const F_SLEEPABLE = 1 << 4;
const ENOTSUPP = -524;

/** A program to try. */
export interface TrialProgram {
  type: string;
  instructions: readonly Instruction[];
  /** BPF_F_* for BPF_PROG_LOAD. */
  flags?: number;
  /** The function it is for. Default, for types that need one: 1, which is none. */
  attachBtfId?: number;
  /** Its expected attach type. Default: the one that its type does not load without, or 0. */
  attachType?: number;
  /** Goes on with the loaded program; its result, below zero `-errno`, is the trial's. */
  use?: (fd: number) => number;
}

/** Answers one question by trying; `undefined` where the right to try is missing. */
export function probe(bpf: Bpf, question: NumberedQuestion): boolean | undefined {
  switch (question.kind) {
    case 'program-type':
      return probeProgramType(bpf, question.programType);
    case 'map-type':
      return probeMapType(bpf, question.mapType);
    case 'helper':
      return probeHelper(bpf, question.programType, question.number);
    default:
      return probeFeature(bpf, question.feature);
  }
}

/** As libbpf_probe_bpf_prog_type of libbpf 1.8. */
function probeProgramType(bpf: Bpf, type: string): boolean | undefined {
  if (!PROGRAM_TYPES.includes(type)) return undefined;
  const { result, log } = tryProgram(bpf, {
    type,
    instructions: [MOV_R0_0, EXIT],
    flags: type === 'syscall' ? F_SLEEPABLE : 0,
  });
  const answer = answerOf(result);
  if (answer !== false) return answer;
  if (type === 'struct_ops') return result === ENOTSUPP || /struct_ops|attach_btf_id|btf id/i.test(log);
  return NEEDS_TARGET[type]?.test(log) ?? false;
}

/**
 * As libbpf_probe_bpf_helper of libbpf 1.8, which knows the wording of kernels from 6.12 on; libbpf 1.1 does not. Beyond it, types that
 * need a target are tried on one: there a yes is a yes, but a no may be that target's, so it is only taken where the kernel knows no such
 * helper.
 */
function probeHelper(bpf: Bpf, type: string, number: number | undefined): boolean | undefined {
  if (number === undefined || !PROGRAM_TYPES.includes(type)) return undefined;
  const target = EXAMPLE_TARGET[type];
  const attachBtfId = target === undefined ? undefined : bpf.kernelBtfId(target, EXPECTED_ATTACH_TYPE[type] ?? 0);
  if ((NEEDS_TARGET[type] && attachBtfId === undefined) || type === 'struct_ops') return undefined;
  if (attachBtfId !== undefined && attachBtfId < 0) return undefined;
  const { result, log } = tryProgram(bpf, {
    type,
    instructions: [CALL(number), EXIT],
    flags: type === 'syscall' ? F_SLEEPABLE : 0,
    ...(attachBtfId === undefined ? {} : { attachBtfId }),
  });
  // Where the verifier never saw the call, nothing is known: a missing right, or a type of program that the kernel lacks.
  if (result < 0 && log === '') return undefined;
  if (!/invalid func |unknown func |program of this type cannot use helper /.test(log)) {
    // Without a word about the call it may be the target that was refused.
    return target === undefined || result >= 0 || /^\d+: \(85\) call/m.test(log) ? true : undefined;
  }
  return target === undefined || /(?:invalid|unknown) func unknown#/.test(log) ? false : undefined;
}

function probeFeature(bpf: Bpf, feature: string): boolean | undefined {
  if (feature === 'kernel-btf') return existsSync('/sys/kernel/btf/vmlinux');
  return FEATURES.get(feature)?.(bpf, (program) => tryProgram(bpf, program));
}

/** Loads a program only to see whether it loads. `result` below zero is `-errno`. */
export function tryProgram(
  bpf: Bpf,
  { type, instructions, flags = 0, attachBtfId = 1, attachType = EXPECTED_ATTACH_TYPE[type] ?? 0, use }: TrialProgram,
): { result: number; log: string } {
  const number = PROGRAM_TYPES.indexOf(type);
  if (number < 0) return { result: -22, log: '' };
  using arena = new Arena();
  const memory = arena.allocate(LOG_SIZE);
  const bytes = assemble(instructions);
  const result = bpf.call(COMMAND.programLoad, (attr) => {
    attr.writeUInt32LE(number, 0);
    attr.writeUInt32LE(bytes.length / 8, 4);
    attr.writeBigUInt64LE(arena.copy(bytes), 8);
    attr.writeBigUInt64LE(arena.string('GPL'), 16);
    attr.writeUInt32LE(1, 24);
    attr.writeUInt32LE(LOG_SIZE, 28);
    attr.writeBigUInt64LE(memory.address, 32);
    attr.writeUInt32LE(flags, 44);
    attr.writeUInt32LE(attachType, 68);
    if (NEEDS_TARGET[type]) attr.writeUInt32LE(attachBtfId, 108);
  });
  const log = memory.bytes.toString('latin1').split('\0')[0] ?? '';
  if (result < 0) return { result, log };
  try {
    return { result: use?.(result) ?? result, log };
  } finally {
    bpf.native.close(result);
  }
}
