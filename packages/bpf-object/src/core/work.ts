import { RelocationAbort } from './relocation.ts';

/**
 * Steps that one object's relocations may take together: members looked at, types compared. The largest real objects (some thousand relocations,
 * structs of some hundred members) take a tenth of it. libbpf has no such bound; hostile types would keep it busy for years.
 */
const MAX_STEPS = 10_000_000;

/** Bounds the work of resolving, whatever the types are. */
export class Work {
  #left: number = MAX_STEPS;

  /** Errors: {@link RelocationAbort} where too much was done. */
  step(): void {
    this.#left -= 1;
    if (this.#left < 0) throw new RelocationAbort(`resolving takes more than ${MAX_STEPS} steps`);
  }
}
