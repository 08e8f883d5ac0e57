import { readdirSync, readlinkSync } from 'node:fs';
import type { AttachedLink } from '../kernel.ts';
import { type AttachRequest, attachError, refuse } from './attach-request.ts';
import { keepLinks } from './keep-links.ts';
import { holdPerfEvents } from './keep-perf-events.ts';
import { findBinary } from './user-binary.ts';

/**
 * Attaches to a static probe of an executable or library: `usdt/PATH:PROVIDER:NAME`. libbpf does it, since it writes where each argument
 * lies to a map that the program reads. It makes one link of many, which has no descriptor of its own: the links and perf events that came
 * with it are found among this process's descriptors and kept one by one.
 */
export function attachUsdt(request: AttachRequest): AttachedLink {
  const { bpf, program, attachment, options } = request;
  const { native } = bpf;
  const [, path, provider, name] =
    /^(.+):([^:]+):([^:]+)$/.exec(attachment.extra ?? '') ?? ([] as (string | undefined)[]);
  const [file, from, probe] = [options.binaryPath ?? path, options.provider ?? provider, options.symbol ?? name];
  if (file === undefined || from === undefined || probe === undefined) {
    throw refuse(
      `program "${program}" needs an executable or library, a provider and a probe`,
      'Its section does not name them all: give what is missing; "readelf -n" lists the probes of a file.',
    );
  }
  const binary = findBinary(program, file);
  const before = kernelDescriptors();
  const link = native.programAttachUsdt(request.pointer, options.pid ?? -1, binary, from, probe, null);
  const errno = native.errno();
  const made = kernelDescriptors().filter(({ fd }) => !before.some((other) => other.fd === fd));
  if (!link) {
    throw attachError(request, `the probe ${from}:${probe} of ${binary}`, -errno, {
      ENOENT: `${binary} has no such probe; "readelf -n" lists what it has.`,
      ESRCH: 'The object lacks the maps of USDT: include <bpf/usdt.bpf.h>.',
      EOPNOTSUPP: 'On this kernel a probe of a library wants a process: give its number.',
      ENOTSUP: 'On this kernel a probe of a library wants a process: give its number.',
    });
  }
  // Told not to, libbpf detaches nothing when it frees its link, and leaves the descriptors.
  native.linkDisconnect(link);
  native.linkDestroy(link);
  const links = made.filter(({ kind }) => kind === 'link').map(({ fd }) => fd);
  const events = made.filter(({ kind }) => kind === 'event').map(({ fd }) => fd);
  try {
    return links.length > 0 ? keepLinks(bpf, links, options.linkPin) : holdPerfEvents(request, events);
  } finally {
    for (const fd of events) native.close(fd);
  }
}

/** Links and perf events of this process. A worker attaches one program at a time; a process should have one kernel. */
function kernelDescriptors(): { fd: number; kind: 'link' | 'event' }[] {
  return readdirSync('/proc/self/fd').flatMap((name): { fd: number; kind: 'link' | 'event' }[] => {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`);
      if (/^anon_inode:\[?bpf[-_]link/.test(target)) return [{ fd: Number(name), kind: 'link' }];
      return target === 'anon_inode:[perf_event]' ? [{ fd: Number(name), kind: 'event' }] : [];
    } catch {
      // Closed meanwhile by another thread.
      return [];
    }
  });
}
