import { type BpfProgram, hookName } from '@bpfship/bpf-object';
import type { VariantProgram } from '@bpfship/media-types';

/** A program as the BTF index describes it. @param isCalled - whether it is there to be called by others. */
export function describeProgram({ name, section, attachment }: BpfProgram, isCalled: boolean = false): VariantProgram {
  const { type, target, targetOffset, sleepable, xdpFrags } = attachment;
  const flags = [
    ...(sleepable ? ['sleepable'] : []),
    ...(xdpFrags ? ['xdp-frags'] : []),
    ...(isCalled ? ['tail-called'] : []),
  ];
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
