import type { Btf } from './btf.ts';
import type { BtfType } from './btf-type.ts';

const MAX_DEPTH = 16;

/** A type as C writes it, for people: `struct task_struct *`, `char[16]`, `const unsigned int`. */
export function typeName(btf: Btf, id: number, depth: number = 0): string {
  if (depth >= MAX_DEPTH) return '…';
  const type = btf.type(id);
  const inner = (of: number): string => typeName(btf, of, depth + 1);
  switch (type.kind) {
    case 'ptr': {
      const target = inner(type.type);
      return target.endsWith('*') ? `${target}*` : `${target} *`;
    }
    case 'array':
      return `${inner(type.elementType)}[${type.length === 0 ? '' : type.length}]`;
    case 'const':
    case 'volatile':
    case 'restrict':
      return `${type.kind} ${inner(type.type)}`;
    case 'type_tag':
      return inner(type.type);
    case 'func_proto':
      return `${inner(type.returnType)} (${type.parameters.map((parameter) => inner(parameter.type)).join(', ')})`;
    default:
      return plainName(type);
  }
}

function plainName(type: BtfType): string {
  const name = type.name === '' ? '(anonymous)' : type.name;
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'struct':
    case 'union':
      return `${type.kind} ${name}`;
    case 'enum':
    case 'enum64':
      return `enum ${name}`;
    case 'fwd':
      return `${type.of} ${name}`;
    default:
      return name;
  }
}
