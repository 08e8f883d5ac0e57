import type { AttachedLink } from '../kernel.ts';
import { errnoName } from '../native/errno.ts';
import { type AttachRequest, attachError } from './attach-request.ts';
import { createLink } from './create-link.ts';
import { keepLink } from './keep-links.ts';
import { withMap } from './object-map.ts';
import { attachWithoutLink } from './program-attach.ts';

/** Attaches sk_msg and sk_skb programs to a map of sockets: by a link (Linux 6.10), before without. */
export function attachSockmap(request: AttachRequest): AttachedLink {
  const { bpf, fd: program, attachment, options } = request;
  // SEC("sk_skb") sets none; a verdict is what needs no second program.
  const attachType = attachment.attachType ?? 'sk_skb_verdict';
  return withMap(request, ['sockmap', 'sockhash'], (target, name) => {
    const where = `the map ${name}`;
    if (!options.withoutLink) {
      const link = createLink(bpf, { program, target, attachType });
      if (link >= 0) return keepLink(bpf, link, options.linkPin);
      if (!['EINVAL', 'EOPNOTSUPP'].includes(errnoName(link))) throw attachError(request, where, link, HINTS);
    }
    return attachWithoutLink(request, {
      target,
      where,
      hints: HINTS,
      record: { way: 'program-attach', type: 'sockmap', attachType, map: bpf.info(target).readUInt32LE(4) },
    });
  });
}

const HINTS: Readonly<Record<string, string>> = {
  EBUSY: 'The map has a program of this kind already: it has room for one.',
  EOPNOTSUPP: 'The kernel is built without CONFIG_BPF_STREAM_PARSER, or the map cannot have such a program.',
};
