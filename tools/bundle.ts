import { existsSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

// Makes one file of the decision (packages/portability/dist/decision.bundle.js): loading it takes a tenth of the time of loading its modules one
// by one. Part of the build; does nothing where the file is newer than what it is made of.
const PACKAGES = join(import.meta.dirname, '..', 'packages');
const INPUT = join(PACKAGES, 'portability', 'dist', 'decision.js');
const OUTPUT = join(PACKAGES, 'portability', 'dist', 'decision.bundle.js');
/** What it is made of. */
const SOURCES = ['portability', 'bpf-object', 'media-types'].map((name) => join(PACKAGES, name, 'dist'));

if (!(await isFresh())) await bundle();

async function isFresh(): Promise<boolean> {
  if (!existsSync(OUTPUT)) return false;
  const made = statSync(OUTPUT).mtimeMs;
  for (const folder of SOURCES)
    for (const name of await readdir(folder, { recursive: true }))
      if (name.endsWith('.js') && statSync(join(folder, name)).mtimeMs > made) return false;
  return true;
}

async function bundle(): Promise<void> {
  const build = await rolldown({ input: INPUT, platform: 'neutral' });
  try {
    const { output } = await build.write({
      file: OUTPUT,
      format: 'esm',
      minify: { compress: true, mangle: false, codegen: true },
    });
    const foreign = output.flatMap((part) => (part.type === 'chunk' ? part.imports : []));
    if (foreign.length > 0)
      throw new Error(`the decision must need nothing else, but it imports ${foreign.join(', ')}`);
  } finally {
    await build.close();
  }
}
