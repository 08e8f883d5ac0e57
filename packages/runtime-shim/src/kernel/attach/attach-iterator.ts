import type { AttachedLink } from '../kernel.ts';
import { type AttachRequest, attachError } from './attach-request.ts';
import { withCgroup } from './attach-cgroup.ts';
import { createLink } from './create-link.ts';
import { keepLink } from './keep-links.ts';
import { withMap } from './object-map.ts';

/** include/uapi/linux/bpf.h, enum bpf_cgroup_iter_order */
const DESCENDANTS_PRE = 2;
/** union bpf_iter_link_info */
const INFO_SIZE = 16;

/**
 * Makes the link of an iterator: `iter/TARGET`. The link's pin is a file that runs it whenever it is read (kernel/bpf/inode.c, bpf_iter_fops).
 * Iterators over the elements of a map want the map, those over cgroups the topmost, those over tasks may want one process.
 */
export function attachIterator(request: AttachRequest): AttachedLink {
  const { bpf, fd: program, attachment, options } = request;
  const name = attachment.extra ?? '';
  const attach = (info?: Buffer): AttachedLink => {
    const link = createLink(bpf, {
      program,
      attachType: 'trace_iter',
      fill: (attr, arena) => {
        if (info === undefined) return;
        attr.writeBigUInt64LE(arena.copy(info), 16);
        attr.writeUInt32LE(info.length, 24);
      },
    });
    if (link >= 0) return keepLink(bpf, link, options.linkPin);
    throw attachError(request, `the iterator ${name}`, link, {
      EBADF: 'It wants a map, or a cgroup, to go over.',
      EINVAL: 'It cannot go over this map or cgroup.',
      EACCES: 'Its program reads or writes more than the map’s keys and values hold.',
    });
  };
  if (name === 'bpf_map_elem' || name === 'bpf_sk_storage_map') {
    return withMap(request, name === 'bpf_sk_storage_map' ? ['sk_storage'] : undefined, (fd) => attach(infoOf(fd)));
  }
  // order, cgroup_fd
  if (name === 'cgroup') return withCgroup(request, (fd) => attach(infoOf(DESCENDANTS_PRE, fd)));
  // tid, pid
  if (name.startsWith('task') && options.pid !== undefined) return attach(infoOf(0, options.pid));
  return attach();
}

function infoOf(...numbers: readonly number[]): Buffer {
  const info = Buffer.alloc(INFO_SIZE);
  for (const [i, number] of numbers.entries()) info.writeUInt32LE(number, i * 4);
  return info;
}
