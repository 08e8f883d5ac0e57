import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './machine.ts';

/**
 * Changes when any package is built again. This process has loaded the packages when it started, the processes that it measures load them
 * later: numbers from both sides of a build belong to no version at all.
 */
export function buildFingerprint(): string {
  const hash = createHash('sha256');
  const packages = readdirSync(join(ROOT, 'packages')).map((name) => join(ROOT, 'packages', name, 'dist'));
  for (const folder of [...packages, join(ROOT, 'registry-dev', 'dist')].filter((path) => existsSync(path))) {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.js'))
      .sort()) {
      const { size, mtimeMs } = statSync(join(folder, name));
      hash.update(`${folder}/${name} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest('hex');
}
