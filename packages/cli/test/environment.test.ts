import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ENVIRONMENT } from '../src/help-topics.ts';

const PACKAGES = join(import.meta.dirname, '..', '..');
/** What every program finds in its surroundings and no documentation lists. */
const ORDINARY = ['HOME', 'PATH', 'TMPDIR'];

describe('help environment', () => {
  it('lists every variable that the packages read', () => {
    const read = new Set<string>();
    for (const file of globSync('*/src/**/*.ts', { cwd: PACKAGES })) {
      const text = readFileSync(join(PACKAGES, file), 'utf8');
      for (const [, name = ''] of text.matchAll(/\benv\w*(?:\.|\[')([A-Z][A-Z_]+)\b/g)) read.add(name);
      for (const [, name = ''] of text.matchAll(/\.env\('([A-Z_]+)'\)/g)) read.add(name);
    }
    const listed = ENVIRONMENT.map(({ name, meaning }) => `${name} ${meaning}`).join('\n');
    expect([...read].filter((name) => !ORDINARY.includes(name) && !new RegExp(`\\b${name}\\b`).test(listed))).toEqual(
      [],
    );
  });
});
