import type { AttachedLink } from '../kernel.ts';
import { errnoName } from '../native/errno.ts';
import { type AttachRequest, attachError, refuse } from './attach-request.ts';
import { createLink } from './create-link.ts';
import { keepLink } from './keep-links.ts';
import { inNetworkNamespace, withNetworkNamespace } from './network-namespace.ts';
import { attachWithoutLink } from './program-attach.ts';

/** Attaches to a network namespace: sk_lookup and the flow dissector; by a link (Linux 5.8 and 5.9), before the flow dissector without. */
export function attachNetns(request: AttachRequest): AttachedLink {
  const { bpf, fd: program, attachment, options } = request;
  const attachType = attachment.attachType ?? '';
  const where =
    options.netnsPath === undefined ? 'this network namespace' : `the network namespace ${options.netnsPath}`;
  if (!options.withoutLink || attachType !== 'flow_dissector') {
    const link = withNetworkNamespace(options.netnsPath, (target) => createLink(bpf, { program, target, attachType }));
    if (link >= 0) return keepLink(bpf, link, options.linkPin);
    if (errnoName(link) !== 'EINVAL' || attachType !== 'flow_dissector') throw attachError(request, where, link, HINTS);
  }
  const netns = options.netnsPath === undefined ? {} : { netns: options.netnsPath };
  return inNetworkNamespace(bpf.native, options.netnsPath, () =>
    attachWithoutLink(request, {
      target: 0,
      where,
      hints: HINTS,
      record: { way: 'program-attach', type: 'netns', attachType, ...netns },
    }),
  );
}

const HINTS: Readonly<Record<string, string>> = {
  EEXIST: 'A namespace has room for one flow dissector, and one that the first namespace has counts for all.',
  E2BIG: 'The namespace has as many programs as the kernel allows.',
  EINVAL: 'The file may be none of a network namespace.',
};

/** Numbers of families and hooks (include/uapi/linux/netfilter.h). */
const FAMILIES = { ipv4: 2, ipv6: 10 } as const;
const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const F_DEFRAGMENT = 1;

/** Attaches to a hook of netfilter in a network namespace, by a link (Linux 6.4); no older kernel has such programs. */
export function attachNetfilter(request: AttachRequest): AttachedLink {
  const { bpf, fd: program, options } = request;
  const { family = 'ipv4', netfilterHook: hook, priority = 0, defragment = false, netnsPath } = options;
  if (hook === undefined) {
    throw refuse(
      `program "${request.program}" needs a hook of netfilter`,
      `Name one: ${Object.keys(HOOKS).join(', ')}; a family and a priority are optional.`,
    );
  }
  const link = inNetworkNamespace(bpf.native, netnsPath, () =>
    createLink(bpf, {
      program,
      attachType: 'netfilter',
      fill: (attr) => {
        attr.writeUInt32LE(FAMILIES[family], 16);
        attr.writeUInt32LE(HOOKS[hook], 20);
        attr.writeInt32LE(priority, 24);
        attr.writeUInt32LE(defragment ? F_DEFRAGMENT : 0, 28);
      },
    }),
  );
  if (link >= 0) return keepLink(bpf, link, options.linkPin);
  throw attachError(request, `netfilter’s hook ${hook} (${family}, priority ${priority})`, link, {
    EBUSY: 'Another program has this hook with this priority: name another priority.',
    EEXIST: 'Another program has this hook with this priority: name another priority.',
    ERANGE: 'The lowest and the highest priority are the kernel’s own.',
    EINVAL: 'The kernel may be built without CONFIG_NETFILTER_BPF_LINK (6.4).',
    EOPNOTSUPP: 'The kernel is built without CONFIG_NETFILTER_BPF_LINK (6.4), or cannot reassemble fragments (6.6).',
    EAFNOSUPPORT: 'The kernel has no netfilter for this family.',
  });
}
