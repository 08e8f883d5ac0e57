import { FEATURES_SINCE } from './features.ts';
import { HELPERS_SINCE } from './helpers.ts';
import { MAP_TYPES_SINCE, PROGRAM_TYPES_SINCE } from './types.ts';

/** What a mainline version is known of. */
export type Ability = 'program-type' | 'map-type' | 'helper' | 'feature' | 'hook';

const TABLES: Readonly<Record<Ability, ReadonlyMap<string, string>>> = {
  'program-type': PROGRAM_TYPES_SINCE,
  'map-type': MAP_TYPES_SINCE,
  helper: HELPERS_SINCE,
  feature: FEATURES_SINCE,
  hook: FEATURES_SINCE,
};

/**
 * The mainline version that brought an ability of the kernel, e.g. `5.17` for the helper `bpf_loop`; undefined where it is not listed.
 * For explanations only: distributions backport, so no rule compares it.
 */
export function mainlineVersion(kind: Ability, name: string): string | undefined {
  return TABLES[kind].get(name);
}
