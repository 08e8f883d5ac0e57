import { readFileSync } from 'node:fs';
import { getAsset, isSea } from 'node:sea';

/** Version of this program, from its package.json. */
export const version: string = (JSON.parse(readManifest()) as { version: string }).version;

function readManifest(): string {
  return isSea() ? getAsset('package.json', 'utf8') : readFileSync(new URL('../package.json', import.meta.url), 'utf8');
}
