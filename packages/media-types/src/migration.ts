/**
 * What becomes of a map whose definition an upgrade changes (spec/btf-index.md, "Migration"):
 * `copy-fields`: its entries are copied, keys and values field by field;
 * `keep-larger`: only its number of entries differs, and the larger number counts;
 * `drop`: its contents may be lost.
 */
export type MigrationRule = 'copy-fields' | 'keep-larger' | 'drop';

/** Every rule. */
export const MIGRATION_RULES: readonly MigrationRule[] = ['copy-fields', 'keep-larger', 'drop'];

/** How a map of an earlier version becomes that of this one. */
export interface MapMigration {
  /** Name of the map. */
  map: string;
  /** Only for a map that had this schema. Default: for every one. */
  from?: string;
  rule: MigrationRule;
}
