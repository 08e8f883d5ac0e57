import type { Generation } from './state-schema.ts';

/** Generations that a node keeps of a service for rollback, the running one among them. */
export const MAX_GENERATIONS = 16;

/**
 * The generations that are kept when one more comes: the newest, and those that something goes back to. What only the others need, garbage
 * collection removes from the local store.
 *
 * @param generations - oldest first, the coming one last.
 * @param needed - ids that stay however old they are.
 */
export function keptGenerations(generations: readonly Generation[], needed: readonly number[]): Generation[] {
  const oldest = generations.length - MAX_GENERATIONS;
  return generations.filter(({ id }, i) => i >= oldest || needed.includes(id));
}
