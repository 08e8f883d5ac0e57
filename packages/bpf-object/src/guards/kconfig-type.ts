import { skipModifiers } from '../btf/resolve-type.ts';
import { sizeOfType } from '../btf/resolve-type.ts';
import type { BpfObject } from '../object/bpf-object.ts';
import type { KconfigType } from './guard-graph.ts';

/** The type of a kernel option's variable, as the loader tells them apart (libbpf, find_kcfg_type), and its size in bytes. */
export function kconfigTypeOf(object: BpfObject, name: string): { type: KconfigType; size: number } {
  const { btf } = object;
  const id = object.externs.find((extern) => extern.kind === 'kconfig' && extern.name === name)?.typeId;
  if (btf === undefined || id === undefined) return { type: 'int', size: 8 };
  // The extern's own type is its variable (BTF_KIND_VAR).
  const variable = btf.type(id);
  const type = skipModifiers(btf, variable.kind === 'var' ? variable.type : id);
  const size = sizeOfType(btf, id) ?? 0;
  switch (type.kind) {
    case 'int':
      // BTF_INT_BOOL, BTF_INT_CHAR
      if (type.encoding === 4) return { type: 'bool', size };
      return { type: size === 1 ? 'char' : 'int', size };
    case 'enum':
      return { type: type.name === 'libbpf_tristate' ? 'tristate' : 'int', size };
    case 'array':
      return { type: 'string', size };
    default:
      return { type: 'int', size };
  }
}
