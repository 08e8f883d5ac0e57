import { copyFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The Node that runs the tests, where a user without rights can start it: a copy in the folder where this one lies in a closed one. */
export function nodeForOthers(folder: string): string {
  for (let path = dirname(process.execPath); path !== dirname(path); path = dirname(path)) {
    if ((statSync(path).mode & 0o001) !== 0) continue;
    const copy = join(folder, 'node');
    copyFileSync(process.execPath, copy);
    return copy;
  }
  return process.execPath;
}
