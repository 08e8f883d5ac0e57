import type { ComponentConfig } from './protocol.ts';

/** What a component's place is decided by. */
export interface Ordered extends ComponentConfig {
  name: string;
  programId: number;
}

/** The order of libxdp: by priority, then by name, then the one that was loaded first. Ids of programs rise as they are loaded. */
export function inRunOrder<T extends Ordered>(components: readonly T[]): T[] {
  return components.toSorted(
    (a, b) => a.priority - b.priority || compareBytes(a.name, b.name) || a.programId - b.programId,
  );
}

function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
