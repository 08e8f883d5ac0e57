import { digestOf } from '@bpfship/oras-client';
import type { ProjectVariant } from '../project/project.ts';
import type { CompiledObject } from './compile.ts';

/** One object of a variant, before it has a place. */
export interface VariantForm {
  architecture?: string;
  digest: string;
  bytes: Uint8Array;
}

/**
 * Makes one form of a variant out of several where its architectures gave the same bytes: most programs do not depend on one. A variant
 * that its author restricts to a single architecture keeps it.
 */
export function collapseForms(variant: ProjectVariant, objects: readonly CompiledObject[]): VariantForm[] {
  const forms = objects.map(({ bytes }, i) => ({
    architecture: variant.architectures[i] ?? '',
    digest: digestOf(bytes),
    bytes,
  }));
  const [first, ...others] = forms;
  if (first && others.length > 0 && others.every(({ digest }) => digest === first.digest)) {
    return [{ digest: first.digest, bytes: first.bytes }];
  }
  return forms;
}
