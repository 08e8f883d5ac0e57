/** What an instruction does with the context; `write-number` is a store of a number that the instruction itself holds. */
export type AccessKind = 'read' | 'write' | 'write-number';

/** An access of a program to its context. */
export interface ContextAccess {
  /** In bytes from the start of the context. */
  offset: number;
  /** Bytes that are moved. */
  size: number;
  access: AccessKind;
  /** A number was added to the pointer itself before. */
  moved?: true;
  /** Not known here, since a relocation or the way to it decides: the offset given is that of the object's own types, or 0. */
  relocated?: true;
}

/** Function of the object → instruction → what it does with the context. */
export type ContextAccesses = ReadonlyMap<number, ReadonlyMap<number, ContextAccess>>;
