import { FUNCTIONS } from './functions.ts';
import { SOAK_KINDS } from './kinds.ts';
import { TRANSFERS } from './transfers.ts';

/** Everything that `npm run soak` knows; its results stand on the page beside those of the benchmarks. */
export const SOAKS = [...SOAK_KINDS, FUNCTIONS, TRANSFERS] as const;
