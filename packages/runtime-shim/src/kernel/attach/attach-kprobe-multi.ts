import type { AttachedLink } from '../kernel.ts';
import { errnoName } from '../native/errno.ts';
import { openKprobes } from './attach-kprobe.ts';
import { type AttachRequest, attachError, refuse } from './attach-request.ts';
import { createLink } from './create-link.ts';
import { keepLink } from './keep-links.ts';
import { keepPerfEvents } from './keep-perf-events.ts';
import { findKernelFunctions, type KernelFunction } from './kernel-functions.ts';

const F_RETURN = 1;
/** Probes that are made one by one where the kernel has no probe of many: each is made in some milliseconds, and holds a descriptor. */
const MOST_SINGLE_PROBES = 512;

/** Attaches to all functions of the kernel that fit a pattern: `kprobe.multi/tcp_*`, and the returns of them, and both (`session`). */
export function attachKprobeMulti(request: AttachRequest): AttachedLink {
  const { bpf, fd: program, section, attachment, options } = request;
  const pattern = options.symbol ?? attachment.extra;
  if (pattern === undefined) {
    throw refuse(
      `program "${request.program}" needs functions of the kernel`,
      'Its section names none: give a name or a pattern such as tcp_*.',
    );
  }
  const functions = functionsOf(request, pattern);
  const session = attachment.attachType === 'trace_kprobe_session';
  const link = options.withoutLink
    ? undefined
    : createLink(bpf, {
        program,
        attachType: session ? 'trace_kprobe_session' : 'trace_kprobe_multi',
        fill: (attr, arena) => {
          const { bytes, address } = arena.allocate(functions.length * 8);
          const byAddress = functions.every((each) => each.address !== undefined);
          for (const [i, each] of functions.entries()) {
            bytes.writeBigUInt64LE(each.address ?? arena.string(each.name), i * 8);
          }
          attr.writeUInt32LE(section.startsWith('kretprobe') ? F_RETURN : 0, 16);
          attr.writeUInt32LE(functions.length, 20);
          attr.writeBigUInt64LE(address, byAddress ? 32 : 24);
        },
      });
  const where =
    functions.length === 1 ? `the function ${functions[0]?.name}` : `${functions.length} functions (${pattern})`;
  if (link !== undefined && link >= 0) return keepLink(bpf, link, options.linkPin);
  const lacking = link === undefined || ['EINVAL', 'EOPNOTSUPP'].includes(errnoName(link));
  if (link !== undefined && (!lacking || session)) {
    throw attachError(request, where, link, {
      ESRCH: 'The kernel has no such function, or several of this name.',
      EINVAL: 'The kernel may have no sessions of probes (6.10).',
      EOPNOTSUPP: 'The kernel may have no sessions of probes (6.10).',
    });
  }
  if (functions.length > MOST_SINGLE_PROBES) {
    throw refuse(
      `the kernel has no probe of many functions, and ${functions.length} that fit ${pattern} are too many for one probe each`,
      `Linux 5.18 with CONFIG_FPROBE has it. Name a pattern that fits at most ${MOST_SINGLE_PROBES} functions.`,
      'EOPNOTSUPP',
    );
  }
  return keepPerfEvents(request, openEach(request, functions), where);
}

function openEach(request: AttachRequest, functions: readonly KernelFunction[]): number[] {
  const events: number[] = [];
  try {
    for (const name of new Set(functions.map((each) => each.name))) events.push(...openKprobes(request, [name]));
    return events;
  } catch (error) {
    for (const fd of events) request.bpf.native.close(fd);
    throw error;
  }
}

function functionsOf({ bpf, program }: AttachRequest, pattern: string): KernelFunction[] {
  if (!/[*?]/.test(pattern)) return [{ name: pattern }];
  const functions = findKernelFunctions(bpf, pattern);
  if (functions === undefined) {
    throw refuse(
      `the functions that fit ${pattern} cannot be found for program "${program}"`,
      'tracefs must be readable: mount -t tracefs tracefs /sys/kernel/tracing',
    );
  }
  if (functions.length === 0) {
    throw refuse(
      `no function of the kernel fits ${pattern} for program "${program}"`,
      '/sys/kernel/tracing/available_filter_functions lists those that can be probed.',
      'ENOENT',
    );
  }
  return functions;
}
