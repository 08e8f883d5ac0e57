import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

const SOURCE = join(import.meta.dirname, '..', 'src');

/** Import specifiers of a source file; those for types only are left out on request. */
function importsOf(file: string, { types }: { types: boolean }): string[] {
  const text = readFileSync(file, 'utf8');
  const pattern = /(?:^|\n)(?:import|export) (type )?[^;'"]*?from '([^']+)'|import\('([^']+)'\)/g;
  return [...text.matchAll(pattern)]
    .filter(([, type]) => types || type === undefined)
    .map(([, , from, lazy]) => from ?? lazy ?? '');
}

/** What a file imports, directly or through files of this package. */
function closureOf(entry: string, options: { types: boolean }): Set<string> {
  const packages = new Set<string>();
  const files = [entry];
  for (const file of files) {
    for (const specifier of importsOf(file, options)) {
      const path = join(dirname(file), specifier);
      if (!specifier.startsWith('.')) packages.add(specifier);
      else if (!files.includes(path)) files.push(path);
    }
  }
  return packages;
}

it('trust/verify reaches no network, no file system and no clock', () => {
  const packages = [...closureOf(join(SOURCE, 'verify', 'index.ts'), { types: false })].sort();
  expect(packages).toEqual([
    '@bpfship/media-types',
    '@sigstore/bundle',
    '@sigstore/core',
    '@sigstore/verify',
    'node:crypto',
  ]);
});

it('no type of Sigstore’s libraries is in the faces', () => {
  const dist = join(SOURCE, '..', 'dist');
  const seen = [join(dist, 'index.d.ts'), join(dist, 'verify', 'index.d.ts')];
  for (const file of seen) {
    const text = readFileSync(file, 'utf8');
    expect(text, file).not.toMatch(/@sigstore|'sigstore'|@noble/);
    for (const [, specifier = ''] of text.matchAll(/from '(\.[^']+)'/g)) {
      const path = join(dirname(file), specifier.replace(/\.ts$/, '.d.ts'));
      if (!seen.includes(path)) seen.push(path);
    }
  }
  expect(seen.length).toBeGreaterThan(5);
});

it('each of Sigstore’s libraries is imported at one place only', () => {
  const files = execFileSync('grep', ['-rlE', "import\\('@sigstore", SOURCE], { encoding: 'utf8' }).trim().split('\n');
  const lazy = files.flatMap((file) =>
    [...new Set(importsOf(file, { types: false }))].filter((name) => name.startsWith('@sigstore')),
  );
  expect(lazy.sort()).toEqual(['@sigstore/bundle', '@sigstore/core', '@sigstore/sign', '@sigstore/verify']);
});

it('importing the package loads none of Sigstore’s libraries', () => {
  const script = `
    import { createRequire } from 'node:module';
    await import('@bpfship/trust');
    const require = createRequire(import.meta.url);
    console.log(Object.keys(require.cache).filter((path) => path.includes('sigstore')).length);
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: SOURCE,
    encoding: 'utf8',
  });
  expect(output.trim()).toBe('0');
});
