import { matchesPattern } from '@bpfship/portability/pattern';
import type { AttachedLink } from '../kernel.ts';
import { errnoName } from '../native/errno.ts';
import { type AttachRequest, attachError, refuse } from './attach-request.ts';
import { openUprobes } from './attach-uprobe.ts';
import { createLink } from './create-link.ts';
import { keepLink } from './keep-links.ts';
import { keepPerfEvents } from './keep-perf-events.ts';
import { functionsIn, userTarget } from './user-binary.ts';

const F_RETURN = 1;
/** Probes that are made one by one where the kernel has no probe of many. */
const MOST_SINGLE_PROBES = 512;

/** Attaches to all functions of a file that fit a pattern: `uprobe.multi/PATH:PATTERN`, and the returns of them, and both (`session`). */
export function attachUprobeMulti(request: AttachRequest): AttachedLink {
  const { bpf, fd: program, section, attachment, options } = request;
  const { path, symbol, offset } = userTarget(request);
  const places =
    symbol === undefined
      ? [offset]
      : [
          ...new Set(
            functionsIn(request.program, path, (name) => matchesPattern(name, symbol), symbol).map(
              (each) => each.offset + offset,
            ),
          ),
        ];
  const where = `${places.length} functions of ${path} (${symbol ?? `0x${offset.toString(16)}`})`;
  const session = attachment.attachType === 'trace_uprobe_session';
  const link = options.withoutLink
    ? undefined
    : createLink(bpf, {
        program,
        attachType: session ? 'trace_uprobe_session' : 'trace_uprobe_multi',
        fill: (attr, arena) => {
          const { bytes, address } = arena.allocate(places.length * 8);
          for (const [i, place] of places.entries()) bytes.writeBigUInt64LE(place, i * 8);
          attr.writeBigUInt64LE(arena.string(path), 16);
          attr.writeBigUInt64LE(address, 24);
          attr.writeUInt32LE(places.length, 48);
          attr.writeUInt32LE(section.startsWith('uret') ? F_RETURN : 0, 52);
          attr.writeUInt32LE(options.pid ?? 0, 56);
        },
      });
  if (link !== undefined && link >= 0) return keepLink(bpf, link, options.linkPin);
  const lacking = link === undefined || ['EINVAL', 'EOPNOTSUPP'].includes(errnoName(link));
  if (link !== undefined && (!lacking || session)) {
    throw attachError(request, where, link, {
      ESRCH: `There is no process ${options.pid ?? ''}.`,
      EINVAL: 'The kernel may have no sessions of uprobes (6.13).',
    });
  }
  if (places.length > MOST_SINGLE_PROBES) {
    throw refuse(
      `the kernel has no probe of many functions, and ${where} are too many for one probe each`,
      `Linux 6.6 has it. Name a pattern that fits at most ${MOST_SINGLE_PROBES} functions.`,
      'EOPNOTSUPP',
    );
  }
  return keepPerfEvents(request, openUprobes(request, path, places), where);
}
