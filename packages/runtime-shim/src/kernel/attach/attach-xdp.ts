import type { AttachedLink } from '../kernel.ts';
import { errnoName } from '../native/errno.ts';
import { type AttachRequest, attachError } from './attach-request.ts';
import { removeFolder } from './attachment-record.ts';
import { createLink } from './create-link.ts';
import { keepLink } from './keep-links.ts';
import { keepRecorded } from './keep-recorded.ts';
import { atInterface } from './network-interface.ts';
import { setXdp } from './xdp-by-netlink.ts';

/** Flags of XDP attachment (include/uapi/linux/if_link.h). */
const FLAGS = { generic: 1 << 1, native: 1 << 2 } as const;

/** Attaches an XDP program to an interface: by a link (Linux 5.9), before by netlink. */
export function attachXdp(request: AttachRequest): AttachedLink {
  return atInterface(request, (interfaceIndex, name) => {
    const { bpf, fd: program, options } = request;
    const flags = options.xdpMode === undefined ? 0 : FLAGS[options.xdpMode];
    if (!options.withoutLink) {
      const link = createLink(bpf, { program, target: interfaceIndex, attachType: 'xdp', flags });
      if (link >= 0) return keepLink(bpf, link, options.linkPin);
      // A kernel without links of XDP and one whose driver refuses say the same; the second refuses netlink too.
      if (errnoName(link) !== 'EINVAL') throw xdpError(request, name, link);
    }
    const { netnsPath } = options;
    const kept = keepRecorded(request, {
      way: 'netlink',
      type: 'xdp',
      interfaceIndex,
      flags,
      ...(netnsPath === undefined ? {} : { netns: netnsPath }),
    });
    const result = setXdp(bpf.native, interfaceIndex, flags, program);
    if (result < 0) {
      removeFolder(options.linkPin);
      throw xdpError(request, name, result);
    }
    return kept;
  });
}

function xdpError(request: AttachRequest, name: string, result: number): Error {
  const taken = `Another XDP program is on ${name}; "ip link show ${name}" and "bpftool net" show it.`;
  const driver = 'Try --xdp-mode generic: the interface’s driver may not support native XDP or multi-buffer packets.';
  return attachError(request, `the interface ${name}`, result, {
    EBUSY: taken,
    EEXIST: taken,
    EINVAL: driver,
    EOPNOTSUPP: driver,
    ENOTSUPP: driver,
    ENOMEM: driver,
    ERANGE: driver,
  });
}
