import { BpfObjectError } from '../errors.ts';
import type { Btf } from './btf.ts';
import type { BtfEnumerator } from './btf-type.ts';

/**
 * The values of an enumeration of the kernel, e.g. `bpf_func_id` (helpers), `bpf_prog_type`, `bpf_map_type`.
 * Errors: `ERR_BTF_TYPE_NOT_FOUND`.
 */
export function enumValues(btf: Btf, name: string): readonly BtfEnumerator[] {
  // By kind: without one, the names of all functions would have to be indexed too.
  const ids = [...btf.typesNamed(name, 'enum'), ...btf.typesNamed(name, 'enum64')].sort((a, b) => a - b);
  for (const id of ids) {
    const type = btf.type(id);
    if (type.kind === 'enum' || type.kind === 'enum64') return type.values;
  }
  throw new BpfObjectError('ERR_BTF_TYPE_NOT_FOUND', `these types hold no enum named ${name}`);
}
