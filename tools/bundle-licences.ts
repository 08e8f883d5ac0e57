import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { OutputChunk } from 'rolldown';

/** The licences of the packages whose code is in a bundle, as one text: they ask to stand beside it. */
export async function licencesOf(chunks: readonly OutputChunk[]): Promise<string> {
  const roots = new Set<string>();
  for (const id of chunks.flatMap(({ moduleIds }) => moduleIds)) {
    const root = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
    if (root !== undefined) roots.add(root);
  }
  const texts: string[] = [];
  for (const root of [...roots].sort()) {
    const file = (await readdir(root)).find((name) => /^licen[cs]e/i.test(name));
    const name = basename(dirname(root)).startsWith('@')
      ? join(basename(dirname(root)), basename(root))
      : basename(root);
    const { license } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { license?: string };
    texts.push(`${name}: ${license ?? 'see below'}\n\n${file ? await readFile(join(root, file), 'utf8') : ''}`);
  }
  return texts.join('\n----\n\n');
}
