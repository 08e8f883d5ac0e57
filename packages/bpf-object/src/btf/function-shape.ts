import type { Btf } from './btf.ts';
import { skipModifiers } from './resolve-type.ts';

/** What a parameter or result is, as the kernel's verifier tells types apart (kernel/bpf/btf.c, btf_ctx_access and __get_type_size). */
export interface ParameterShape {
  kind: 'void' | 'number' | 'struct' | 'union' | 'pointer' | 'other';
  /** In bytes; 0 for `void` and `other`. */
  size: number;
  /** What a pointer points to; `byte`: an integer of one byte, as in text; `qualified-void`: void behind `const`, `volatile` or a typedef. */
  to?: 'void' | 'qualified-void' | 'byte' | 'number' | 'struct' | 'pointer' | 'other';
}

/** Parameters and result of a function. */
export interface FunctionShape {
  parameters: readonly ParameterShape[];
  result: ParameterShape;
}

/** The shape of a prototype; undefined where the type is none. */
export function shapeOfPrototype(btf: Btf, id: number): FunctionShape | undefined {
  const prototype = btf.type(id);
  if (prototype.kind !== 'func_proto') return undefined;
  return {
    parameters: prototype.parameters.map(({ type }) => shapeOf(btf, type)),
    result: shapeOf(btf, prototype.returnType),
  };
}

function shapeOf(btf: Btf, id: number): ParameterShape {
  const type = skipModifiers(btf, id);
  switch (type.kind) {
    case 'void':
      return { kind: 'void', size: 0 };
    case 'int':
    case 'enum':
    case 'enum64':
      return { kind: 'number', size: type.size };
    case 'struct':
    case 'union':
      return { kind: type.kind, size: type.size };
    case 'ptr':
      return { kind: 'pointer', size: btf.pointerSize, to: pointeeOf(btf, type.type) };
    default:
      return { kind: 'other', size: 0 };
  }
}

function pointeeOf(btf: Btf, id: number): NonNullable<ParameterShape['to']> {
  const type = skipModifiers(btf, id);
  const { kind } = type;
  if (kind === 'void') return id === 0 ? 'void' : 'qualified-void';
  if (type.kind === 'int') return type.size === 1 ? 'byte' : 'number';
  if (kind === 'struct' || kind === 'union') return 'struct';
  return kind === 'ptr' ? 'pointer' : 'other';
}

/** Kinds of types that libbpf takes for the same whatever they hold, by their letters in {@link prototypeText}. */
const LETTERS: Readonly<Record<string, string>> = {
  void: 'v',
  int: 'i',
  struct: 's',
  union: 'u',
  enum: 'e',
  enum64: 'e',
  fwd: 'f',
};
/** As deep as libbpf looks. */
const MAX_DEPTH = 32;
/** Types in one prototype; beyond this it has no text: pointers may lead from function to function. */
const MAX_TYPES = 256;

/**
 * A prototype as one word, equal for two prototypes if and only if libbpf takes one for the other (bpf_core_types_are_compat): `v` void, `i`
 * number, `s` struct, `u` union, `e` enum, `f` forward declaration, `*` a pointer to what follows, `@` an array of it, and a function as what
 * it returns and, in parentheses, its parameters. Undefined where libbpf takes no other for it, and beyond 256 types.
 */
export function prototypeText(btf: Btf, id: number): string | undefined {
  return textOf(btf, id, { depth: 0, budget: { left: MAX_TYPES } });
}

interface Way {
  depth: number;
  budget: { left: number };
}

function textOf(btf: Btf, id: number, { depth, budget }: Way): string | undefined {
  if (depth > MAX_DEPTH || budget.left-- <= 0) return undefined;
  const type = skipModifiers(btf, id);
  const inner = { depth: depth + 1, budget };
  switch (type.kind) {
    case 'ptr':
      return prefixed('*', textOf(btf, type.type, inner));
    case 'array':
      return prefixed('@', textOf(btf, type.elementType, inner));
    case 'func_proto': {
      const result = textOf(btf, type.returnType, inner);
      let parameters = '';
      for (const parameter of type.parameters) {
        const text = textOf(btf, parameter.type, inner);
        if (text === undefined) return undefined;
        parameters += text;
      }
      return result === undefined ? undefined : `${result}(${parameters})`;
    }
    default:
      return LETTERS[type.kind];
  }
}

function prefixed(mark: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : mark + text;
}
