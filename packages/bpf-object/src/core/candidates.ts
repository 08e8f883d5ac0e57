import type { Btf } from '../btf/btf.ts';
import { kindsAgree } from './spec.ts';

/** Types of the target with the local type's essential name and kind, by id (libbpf bpf_core_add_cands). */
export function findCandidates(local: Btf, typeId: number, target: Btf): number[] {
  const type = local.type(typeId);
  return target.typesNamedEssentially(type.name).filter((id) => kindsAgree(type, target.type(id)));
}
