import { closeSync, openSync } from 'node:fs';
import type { AttachedLink } from '../kernel.ts';
import { errnoName } from '../native/errno.ts';
import { type AttachRequest, attachError, refuse } from './attach-request.ts';
import { createLink } from './create-link.ts';
import { keepLink } from './keep-links.ts';
import { attachWithoutLink } from './program-attach.ts';

/** Attaches to a cgroup: by a link (Linux 5.7), before beside others (BPF_F_ALLOW_MULTI). */
export function attachCgroup(request: AttachRequest): AttachedLink {
  const { bpf, fd: program, attachment, options } = request;
  const attachType = attachment.attachType ?? `cgroup_inet_${options.direction ?? 'ingress'}`;
  return withCgroup(request, (target, path) => {
    const where = `the cgroup ${path}`;
    if (!options.withoutLink) {
      const link = createLink(bpf, { program, target, attachType });
      if (link >= 0) return keepLink(bpf, link, options.linkPin);
      // lsm_cgroup came with links (6.0).
      if (errnoName(link) !== 'EINVAL' || attachType === 'lsm_cgroup') throw attachError(request, where, link, HINTS);
    }
    return attachWithoutLink(request, {
      target,
      where,
      hints: HINTS,
      record: { way: 'program-attach', type: 'cgroup', attachType, cgroup: path },
    });
  });
}

/** Opens the cgroup's folder for the time of an action. */
export function withCgroup<T>({ options, program }: AttachRequest, action: (fd: number, path: string) => T): T {
  const { cgroupPath: path } = options;
  if (path === undefined) {
    throw refuse(
      `program "${program}" needs a cgroup`,
      'Name one with --cgroup, e.g. --cgroup /sys/fs/cgroup for all processes.',
    );
  }
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? '';
    throw refuse(
      errno === 'ENOENT'
        ? `there is no cgroup ${path} for program "${program}"`
        : `the cgroup ${path} cannot be opened (${errno})`,
      'Cgroups are folders: "mount -t cgroup2" shows where.',
      errno,
    );
  }
  try {
    return action(fd, path);
  } finally {
    closeSync(fd);
  }
}

const HINTS: Readonly<Record<string, string>> = {
  EBADF: 'The folder is none of a cgroup v2: "mount -t cgroup2" shows where these are.',
  EPERM:
    'Another program is on this cgroup or one above it which allows no other (attached without BPF_F_ALLOW_MULTI), or the right is missing.',
  EBUSY: 'The kernel’s cgroup v1 has this hook (net_cls or net_prio in use).',
};
