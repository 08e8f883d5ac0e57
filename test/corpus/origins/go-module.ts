import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../../../tools/machine/debian-archive.ts';
import type { Collected, GoOrigin, GoSourceOrigin } from '../origins.ts';
import { compileSources } from './compile-sources.ts';
import { digestFiles, listFiles, stem } from './files.ts';

/** Takes the objects of a Go module, or compiles its sources. */
export function collectGoModule(origin: GoOrigin | GoSourceOrigin, folder: string, prefix: string): Collected {
  const root = downloadModule(origin);
  if (origin.kind === 'go-source') return compileSources({ ...origin, wholePaths: true }, { root, folder, prefix });
  const files = listFiles(root).filter((file) => origin.objects.test(file));
  // The whole path: a module has many objects of one file name.
  for (const file of files)
    copyFileSync(join(root, file), join(folder, `${prefix}-${stem(file.replaceAll('/', '-'))}.bpf.o`));
  return { digest: digestFiles(root, files), failures: [] };
}

/** Through Go's own client, which checks the module against the checksum database. @returns its folder. */
function downloadModule({ name, version }: GoOrigin | GoSourceOrigin): string {
  const cache = join(CACHE, 'corpus', 'go');
  mkdirSync(cache, { recursive: true });
  const env = { ...process.env, GOMODCACHE: cache, GOFLAGS: '-mod=mod -modcacherw' };
  const command = ['mod', 'download', '-json', `${name}@${version}`];
  return (JSON.parse(execFileSync('go', command, { cwd: cache, env, encoding: 'utf8' })) as { Dir: string }).Dir;
}
