import { buildMinimalKernelBtf, type CoreRelocation, type KernelBtfNeed, parseBtf } from '@bpfship/bpf-object';
import { type BtfIndex, type CoreRelocationRequirement, type Variant } from '@bpfship/media-types';
import { decodeBase64 } from '../base64.ts';

/**
 * The part of a kernel's BTF that all variants of a package need: every one of their relocations comes to the same as with the whole
 * (spec/btf-supplements.md, "Minimal BTF"). From the index alone; the same input gives the same bytes.
 *
 * @throws {BpfObjectError} where the kernel's BTF or a variant's types are not BTF.
 */
export function minimalBtf(index: BtfIndex, kernelBtf: Uint8Array): Uint8Array {
  return buildMinimalKernelBtf(parseBtf(kernelBtf), index.variants.flatMap(needOf));
}

function needOf({ types, requirements }: Variant): KernelBtfNeed[] {
  if (types === undefined) return [];
  const relocations = requirements.flatMap((requirement): CoreRelocation[] => {
    if (requirement.kind !== 'core-relocation') return [];
    const { relocation, spec, accessSize } = requirement as CoreRelocationRequirement;
    const instruction =
      accessSize === undefined ? {} : { instruction: { form: 'memory', memorySize: accessSize } as const };
    return [{ kind: relocation, typeId: spec[0], access: spec[1], ...instruction }];
  });
  return [{ types: parseBtf(decodeBase64(types)), relocations }];
}
