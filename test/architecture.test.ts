import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/** What each package may import: floors of ARCHITECTURE.md, as the list of everything below that it is allowed to know. */
const FLOORS: Record<string, number> = {
  'media-types': 1,
  'oras-client': 1,
  'bpf-object': 1,
  portability: 2,
  trust: 2,
  'runtime-shim': 3,
  devkit: 4,
  hub: 4,
  cli: 5,
};

/** Packages that must do no I/O: no Node module may be imported, besides those that only compute. */
const PURE: Record<string, RegExp> = {
  'media-types': /^$/,
  'bpf-object': /^$/,
  portability: /^$/,
  'trust/src/verify': /^node:crypto$/,
};

function sourceFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s+'([^']+)'|import\('([^']+)'\)|(?:^|\n)import\s+'([^']+)'/g,
    ),
  ].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

describe.each(Object.entries(FLOORS))('package %s', (name, floor) => {
  const files = sourceFiles(`packages/${name}/src`);

  it('has a face and imports only faces of floors below', () => {
    expect(files.some((file) => file.endsWith('/src/index.ts'))).toBe(true);
    for (const file of files) {
      for (const specifier of importsOf(file)) {
        const own = /^@bpfship\/([a-z-]+)(\/.+)?$/.exec(specifier);
        if (!own) continue;
        const [, other = '', entry] = own;
        expect(FLOORS[other], `${file} imports ${specifier}`).toBeLessThan(floor);
        expect(ENTRIES, `${file} reaches past the face of ${specifier}`).toContain(entry);
      }
    }
  });

  it('declares every dependency it imports, and imports every dependency it declares', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    const imported = new Set(
      files
        .flatMap(importsOf)
        .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
        .map((specifier) =>
          specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/'),
        ),
    );
    // The program's bundle holds the worker of the shim, which loads it.
    if (name === 'cli') imported.add('koffi');
    expect([...imported].sort()).toEqual(Object.keys(manifest.dependencies ?? {}).sort());
  });

  it('stays inside its folder', () => {
    for (const file of files) {
      for (const specifier of importsOf(file)) {
        if (specifier.startsWith('.')) {
          expect(
            join(file, '..', specifier).startsWith(join(ROOT, 'packages', name, 'src')),
            `${file}: ${specifier}`,
          ).toBe(true);
        }
      }
    }
  });
});

/** A package's face, and faces of a part of it that loads faster or needs less. */
const ENTRIES = [undefined, '/verify', '/resolving', '/decision', '/requirement', '/parameter', '/pattern'];

describe('rules of the house', () => {
  it.each(Object.entries(PURE))('%s imports no Node module that does I/O', (folder, allowed) => {
    const path = folder.includes('/') ? `packages/${folder}` : `packages/${folder}/src`;
    const touched = sourceFiles(path)
      .flatMap((file) => importsOf(file).map((specifier) => ({ file, specifier })))
      .filter(({ specifier }) => specifier.startsWith('node:') && !allowed.test(specifier));
    expect(touched).toEqual([]);
  });

  it('only the command line talks to the terminal, and what starts the daemon', () => {
    for (const name of Object.keys(FLOORS).filter((other) => other !== 'cli')) {
      for (const file of sourceFiles(`packages/${name}/src`)) {
        if (file.endsWith('/runtime-shim/src/daemon/main.ts')) continue;
        expect(readFileSync(file, 'utf8'), file).not.toMatch(/\bconsole\.|process\.(?:stdout|stderr)\b/);
      }
    }
  });

  it('every runtime dependency has its sentence in ARCHITECTURE.md', () => {
    const text = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');
    for (const name of Object.keys(FLOORS)) {
      const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as {
        dependencies?: Record<string, string>;
      };
      for (const dependency of Object.keys(manifest.dependencies ?? {})) {
        if (!dependency.startsWith('@bpfship/')) expect(text).toContain(dependency.replace('@sigstore/', ''));
      }
    }
  });

  it('no source file is longer than 400 lines', () => {
    const folders = [...Object.keys(FLOORS).map((name) => `packages/${name}/src`), 'registry-dev/src'];
    const long = folders
      .flatMap(sourceFiles)
      .map((file) => ({ file, lines: readFileSync(file, 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > 400);
    expect(long).toEqual([]);
  });
});
