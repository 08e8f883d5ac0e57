/**
 * The part of this package that decides about relocations: BTF and CO-RE, without what reads objects. Its own entry
 * (`@bpfship/bpf-object/resolving`), so that a process that only decides loads little code.
 */
export { Btf } from './btf/btf.ts';
export { type FunctionShape, type ParameterShape, prototypeText, shapeOfPrototype } from './btf/function-shape.ts';
export { parseBtf, type ParseBtfOptions } from './btf/parse-btf.ts';
export type {
  CoreLoader,
  CoreModule,
  CoreOptions,
  CoreOutcome,
  CoreRelocation,
  CoreRelocationKind,
} from './core/relocation.ts';
export { createCoreResolver, type CoreResolver } from './core/resolve.ts';
export { BpfObjectError } from './errors.ts';
export { compare, compute } from './guards/operations.ts';
