import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sources } from './pinned-sources.ts';

/** Licence texts of what is linked in: where they are among the sources, and how they are named beside the library. */
const TEXTS = [
  { part: 'libbpf', file: 'LICENSE.BSD-2-Clause', to: 'libbpf.BSD-2-Clause.txt' },
  { part: 'libbpf', file: 'LICENSE.LGPL-2.1', to: 'libbpf.LGPL-2.1.txt' },
  { part: 'elfutils', file: 'COPYING-LGPLV3', to: 'libelf.LGPL-3.0.txt' },
  { part: 'elfutils', file: 'COPYING-GPLV2', to: 'libelf.GPL-2.0.txt' },
  // The LGPL 3 is this text with additions.
  { part: 'elfutils', file: 'COPYING', to: 'libelf.GPL-3.0.txt' },
  { part: 'zlib', file: 'LICENSE', to: 'zlib.Zlib.txt' },
] as const;

/** Writes the licence texts of what the library is made of, and SOURCES.json: what it was made from, with which compiler, and what came out. */
export function writeNotices(sources: Sources, compiler: string, folder: string): void {
  mkdirSync(join(folder, 'licenses'));
  for (const { part, file, to } of TEXTS) {
    const from = join(sources[part], file);
    // zlib's archives before 1.2.13 have it in README only.
    cpSync(existsSync(from) ? from : join(sources[part], 'README'), join(folder, 'licenses', to));
  }
  const digest = (path: string): string =>
    createHash('sha256')
      .update(readFileSync(join(folder, path)))
      .digest('hex');
  const results = ['lib/libbpf.so', 'bin/bpfship-hold'].map((path) => ({ path, sha256: digest(path) }));
  const notes = {
    sources: sources.archives,
    own: 'packages/runtime-shim/native',
    build: 'node tools/native/build-libbpf.ts',
    compiler,
    results,
  };
  writeFileSync(join(folder, 'SOURCES.json'), `${JSON.stringify(notes, null, 2)}\n`);
}
