import { join } from 'node:path';

/** What bundles take instead of packages of which they need a part only. */
export const BUNDLE_ALIASES: Readonly<Record<string, string>> = {
  undici: join(import.meta.dirname, 'undici-part.cjs'),
};
