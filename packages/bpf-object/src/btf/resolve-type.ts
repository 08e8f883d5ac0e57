import { BpfObjectError } from '../errors.ts';
import type { Btf } from './btf.ts';
import type { BtfType } from './btf-type.ts';

const MAX_DEPTH = 32;
/** Chains of typedefs and qualifiers in real code have a handful of links. */
const MAX_CHAIN = 256;

/** The type behind typedefs, qualifiers and type tags. Errors: `ERR_BTF_INVALID` for a circle. */
export function skipModifiers(btf: Btf, id: number): BtfType {
  let type = btf.type(id);
  for (let link = 0; link < MAX_CHAIN; link++) {
    switch (type.kind) {
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        type = btf.type(type.type);
        break;
      default:
        return type;
    }
  }
  throw new BpfObjectError('ERR_BTF_INVALID', `type ${id} refers to itself through typedefs or qualifiers`, {
    section: 'the BTF types',
    offset: btf.offsetOf(id),
    rule: `at most ${MAX_CHAIN} typedefs and qualifiers in a row`,
  });
}

/** Size of a type in bytes, or undefined where it has none (functions, forward declarations, circles); rule: libbpf btf__resolve_size. */
export function sizeOfType(btf: Btf, id: number): number | undefined {
  let count = 1;
  let type = btf.type(id);
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    switch (type.kind) {
      case 'int':
      case 'struct':
      case 'union':
      case 'enum':
      case 'enum64':
      case 'float':
      case 'datasec':
        return boundSize(count * type.size);
      case 'ptr':
        return boundSize(count * btf.pointerSize);
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
      case 'var':
      case 'decl_tag':
        type = btf.type(type.type);
        break;
      case 'array':
        count *= type.length;
        if (count > 0xffff_ffff) return undefined;
        type = btf.type(type.elementType);
        break;
      default:
        return undefined;
    }
  }
  return undefined;
}

function boundSize(size: number): number | undefined {
  return size > 0xffff_ffff ? undefined : size;
}
