import type { FeatureProbe } from './probe-features.ts';
import { EXIT, MOV_R0_0 } from './native/assemble.ts';
import { type Bpf, COMMAND } from './native/bpf.ts';
import { answerOf, errnoName } from './native/errno.ts';

/** Attach types (include/uapi/linux/bpf.h, enum bpf_attach_type). */
const ATTACH_TYPE = {
  kprobeMulti: 42,
  tcxIngress: 46,
  uprobeMulti: 48,
  netkitPrimary: 54,
  kprobeSession: 56,
  uprobeSession: 57,
} as const;
/** An address at which no process has memory, and an interface that no machine has. */
const NOWHERE = 1n;
const NO_INTERFACE = 0x7fff_ffff;

/**
 * Kinds of links. Loading cannot tell: older kernels ignore an attach type that they do not know. So a link is asked for that must fail,
 * in a way that only a kernel fails which knows the kind and looks at what to attach to; nothing is ever attached.
 */
export const LINK_FEATURES: Readonly<Record<string, FeatureProbe>> = {
  'kprobe-multi': multi(ATTACH_TYPE.kprobeMulti, fillKprobes),
  'kprobe-session': multi(ATTACH_TYPE.kprobeSession, fillKprobes),
  'uprobe-multi': multi(ATTACH_TYPE.uprobeMulti, fillUprobes),
  'uprobe-session': multi(ATTACH_TYPE.uprobeSession, fillUprobes),
  tcx: atDevice(ATTACH_TYPE.tcxIngress),
  netkit: atDevice(ATTACH_TYPE.netkitPrimary),
};

/** One address to read from nowhere (kernel/trace/bpf_trace.c, bpf_kprobe_multi_link_attach): EFAULT. */
function fillKprobes(attr: Buffer): void {
  attr.writeUInt32LE(1, 20);
  attr.writeBigUInt64LE(NOWHERE, 32);
}

/** A path to read from nowhere, with one offset (bpf_uprobe_multi_link_attach): EFAULT. */
function fillUprobes(attr: Buffer): void {
  attr.writeBigUInt64LE(NOWHERE, 16);
  attr.writeBigUInt64LE(NOWHERE, 24);
  attr.writeUInt32LE(1, 48);
}

function multi(attachType: number, fill: (attr: Buffer) => void): FeatureProbe {
  return linkProbe({ type: 'kprobe', attachType, known: 'EFAULT', fill });
}

/** The device is looked up last (kernel/bpf/tcx.c, drivers/net/netkit.c): ENODEV. Where the kind is not compiled in: EINVAL. */
function atDevice(attachType: number): FeatureProbe {
  return linkProbe({ type: 'sched_cls', attachType, known: 'ENODEV', fill: fillDevice });
}

function fillDevice(attr: Buffer): void {
  attr.writeUInt32LE(NO_INTERFACE, 4);
}

interface LinkTrial {
  /** Program type. */
  type: string;
  attachType: number;
  /** How a kernel fails that knows the kind. */
  known: string;
  fill: (attr: Buffer) => void;
}

function linkProbe({ type, attachType, known, fill }: LinkTrial): FeatureProbe {
  return (bpf, attempt) => {
    const { result } = attempt({
      type,
      instructions: [MOV_R0_0, EXIT],
      attachType,
      use: (fd) => createLink(bpf, fd, attachType, fill),
    });
    return errnoName(result) === known || answerOf(result);
  };
}

function createLink(bpf: Bpf, programFd: number, attachType: number, fill: (attr: Buffer) => void): number {
  const result = bpf.call(COMMAND.linkCreate, (attr) => {
    attr.writeUInt32LE(programFd, 0);
    attr.writeUInt32LE(attachType, 8);
    fill(attr);
  });
  if (result >= 0) bpf.native.close(result);
  return result;
}
