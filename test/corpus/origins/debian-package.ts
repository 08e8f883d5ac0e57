import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CACHE, fetchDebianPackages } from '../../../tools/machine/debian-archive.ts';
import type { Collected, PackageOrigin } from '../origins.ts';
import { embeddedObjects } from './embedded-objects.ts';
import { digestFiles, listFiles, stem } from './files.ts';

/** Takes the objects that a Debian package ships, as files or inside of its programs and libraries. */
export function collectDebianPackage(
  { suite, name, embedded }: PackageOrigin,
  folder: string,
  prefix: string,
): Collected {
  const root = join(CACHE, 'corpus', 'packages', suite, name);
  fetchDebianPackages(suite, [name], root);
  if (embedded) return extract(root, folder, prefix);
  const files = listFiles(root).filter((file) => file.endsWith('.o'));
  for (const file of files) copyFileSync(join(root, file), join(folder, `${prefix}-${stem(basename(file))}.bpf.o`));
  return { digest: digestFiles(root, files), failures: [] };
}

/** Each object once, however many files carry it. */
function extract(root: string, folder: string, prefix: string): Collected {
  const seen = new Set<string>();
  const names: string[] = [];
  for (const file of listFiles(root)) {
    let count = 0;
    for (const object of embeddedObjects(readFileSync(join(root, file)))) {
      const digest = createHash('sha256').update(object).digest('hex');
      if (seen.has(digest)) continue;
      seen.add(digest);
      const base = stem(basename(file)).replaceAll(/[^A-Za-z0-9_.-]/g, '_');
      names.push(`${prefix}-${base}${count === 0 ? '' : `-${count}`}.bpf.o`);
      writeFileSync(join(folder, names.at(-1) ?? ''), object);
      count++;
    }
  }
  return { digest: digestFiles(folder, names.sort()), failures: [] };
}
