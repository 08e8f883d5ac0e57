import type { Btf } from '../btf/btf.ts';
import { RelocationAbort, type CoreModule } from './relocation.ts';
import { kindsAgree } from './spec.ts';

/** Types of one name that are looked at. Kernels have some dozen of the commonest. */
const MAX_CANDIDATES = 4096;

/** A type that may stand for a local one. */
export interface Candidate {
  btf: Btf;
  id: number;
  /** Absent for types of the kernel image. */
  module?: string;
}

/**
 * Types with the local type's essential name and kind, by id: those of the kernel image, and only where it has none, those of the modules
 * (libbpf bpf_core_find_cands).
 */
export function findCandidates(
  local: Btf,
  typeId: number,
  target: Btf,
  modules: () => readonly CoreModule[],
): Candidate[] {
  const type = local.type(typeId);
  const named = (btf: Btf): number[] => {
    const ids = btf.typesNamedEssentially(type.name, type.kind);
    if (ids.length > MAX_CANDIDATES) throw new RelocationAbort(`${ids.length} types are named ${type.name}`);
    return ids.filter((id) => kindsAgree(type, btf.type(id)));
  };
  const own = named(target).map((id) => ({ btf: target, id }));
  if (own.length > 0) return own;
  return modules().flatMap(({ name, btf }) => named(btf).map((id) => ({ btf, id, module: name })));
}
