/** BTF kinds by number (include/uapi/linux/btf.h); index 0 is void. The names are those of bpftool. */
export const BTF_KINDS = [
  'void',
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
] as const;

/** Name of a BTF kind; `unknown` is a kind from the future that the BTF's own layout table let us skip. */
export type BtfKind = (typeof BTF_KINDS)[number] | 'unknown';

interface Named {
  readonly id: number;
  /** Empty for anonymous types. */
  readonly name: string;
}

/** `void`, type id 0. */
export interface BtfVoid extends Named {
  readonly kind: 'void';
}

/** An integer, `bool` or `char`. */
export interface BtfInt extends Named {
  readonly kind: 'int';
  /** In bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly isChar: boolean;
  readonly isBool: boolean;
  /** Encoding bits as stored: 1 signed, 2 char, 4 bool. */
  readonly encoding: number;
  /** Position of an old-style bit-field integer; 0 in all BTF of the last years. */
  readonly bitOffset: number;
  /** Width in bits. */
  readonly bits: number;
}

/** Types that stand for another type: pointers, typedefs, qualifiers and tags. */
export interface BtfReference extends Named {
  readonly kind: 'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'type_tag';
  /** Id of the type that it stands for. */
  readonly type: number;
}

/** An array. */
export interface BtfArray extends Named {
  readonly kind: 'array';
  readonly elementType: number;
  readonly indexType: number;
  /** 0 for a flexible array. */
  readonly length: number;
}

/** A field of a struct or union. */
export interface BtfMember {
  readonly name: string;
  readonly type: number;
  /** From the start of the struct. */
  readonly bitOffset: number;
  /** 0 where the field is no bit-field. */
  readonly bitSize: number;
}

/** A struct or union. */
export interface BtfComposite extends Named {
  readonly kind: 'struct' | 'union';
  /** In bytes. */
  readonly size: number;
  readonly members: readonly BtfMember[];
}

/** A named value of an enumeration. */
export interface BtfEnumerator {
  readonly name: string;
  /** bigint only beyond 2^53. */
  readonly value: number | bigint;
}

/** An enumeration of 32-bit (`enum`) or 64-bit (`enum64`) values. */
export interface BtfEnum extends Named {
  readonly kind: 'enum' | 'enum64';
  /** In bytes. */
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly BtfEnumerator[];
}

/** A forward declaration. */
export interface BtfForward extends Named {
  readonly kind: 'fwd';
  readonly of: 'struct' | 'union';
}

/** A function. */
export interface BtfFunction extends Named {
  readonly kind: 'func';
  /** Id of the prototype. */
  readonly type: number;
  readonly linkage: 'static' | 'global' | 'extern' | 'other';
}

/** A prototype. */
export interface BtfPrototype extends Named {
  readonly kind: 'func_proto';
  /** Id of what it returns. */
  readonly returnType: number;
  readonly parameters: readonly { readonly name: string; readonly type: number }[];
}

/** A variable. */
export interface BtfVariable extends Named {
  readonly kind: 'var';
  readonly type: number;
  readonly linkage: 'static' | 'global' | 'extern' | 'other';
}

/** A section of variables. */
export interface BtfDataSection extends Named {
  readonly kind: 'datasec';
  /** In bytes; 0 in objects straight from the compiler. */
  readonly size: number;
  readonly variables: readonly { readonly type: number; readonly offset: number; readonly size: number }[];
}

/** A floating-point number. */
export interface BtfFloat extends Named {
  readonly kind: 'float';
  /** In bytes. */
  readonly size: number;
}

/** An attribute of a declaration. */
export interface BtfDeclarationTag extends Named {
  readonly kind: 'decl_tag';
  readonly type: number;
  /** Index of the member or parameter, -1 for the declaration itself. */
  readonly component: number;
}

/** A type of a kind that is newer than this package. */
export interface BtfUnknown extends Named {
  readonly kind: 'unknown';
}

/** A decoded BTF type. */
export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfReference
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfForward
  | BtfFunction
  | BtfPrototype
  | BtfVariable
  | BtfDataSection
  | BtfFloat
  | BtfDeclarationTag
  | BtfUnknown;
