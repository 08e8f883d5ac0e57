import { type BpfProgram, hookName } from '@bpfship/bpf-object';
import type { VariantProgram } from '@bpfship/media-types';

/** A program as the BTF index describes it. */
export function describeProgram({ name, section, attachment }: BpfProgram): VariantProgram {
  const { type, target, targetOffset, sleepable, xdpFrags } = attachment;
  const flags = [...(sleepable ? ['sleepable'] : []), ...(xdpFrags ? ['xdp-frags'] : [])];
  const offset = targetOffset === undefined ? '' : `+0x${targetOffset.toString(16)}`;
  return {
    name,
    section,
    type,
    hook: hookName({ section, attachment }),
    ...(target === undefined ? {} : { target: `${target}${offset}` }),
    ...(flags.length === 0 ? {} : { flags }),
  };
}
