import type { AttachedLink } from '../kernel.ts';
import { type AttachRequest, attachError, refuse } from './attach-request.ts';
import { openRawTracepoint } from './create-link.ts';
import { keepLink } from './keep-links.ts';

/** Attaches to a raw tracepoint: `raw_tp/NAME`. */
export function attachRawTracepoint(request: AttachRequest): AttachedLink {
  const { bpf, fd, attachment, options, program } = request;
  const name = options.symbol ?? attachment.extra;
  if (name === undefined) {
    throw refuse(
      `program "${program}" needs a tracepoint`,
      'Its section names none: give its name, e.g. sched_process_exec.',
    );
  }
  const link = openRawTracepoint(bpf, fd, name);
  if (link < 0) {
    throw attachError(request, `the raw tracepoint ${name}`, link, {
      ENOENT: `The kernel has no tracepoint ${name}, or its module is not loaded.`,
      EINVAL: 'The program reads more arguments than the tracepoint has.',
    });
  }
  return keepLink(bpf, link, options.linkPin);
}

/** Attaches a program whose target was looked up when it was loaded: tp_btf, fentry, fexit, fmod_ret, LSM, freplace. */
export function attachAtLoadedTarget(request: AttachRequest): AttachedLink {
  const { bpf, fd, attachment, options, section } = request;
  const where = options.symbol ?? attachment.extra ?? section;
  const link = openRawTracepoint(bpf, fd);
  if (link < 0) {
    throw attachError(request, where, link, {
      ENOTSUPP: 'This architecture or kernel has no trampolines for such a program.',
      EBUSY: 'Another program changes this function already, or it is being patched.',
      E2BIG: 'As many programs as the kernel allows are on this function; "bpftool link" shows them.',
      EINVAL: 'The program was loaded for another target, or the kernel cannot attach this kind of program.',
    });
  }
  return keepLink(bpf, link, options.linkPin);
}
