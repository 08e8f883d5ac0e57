import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..', '..');

describe('docs', () => {
  it('say what the program does', () => {
    const { stderr } = spawnSync(process.execPath, ['tools/docs.ts', '--check'], { cwd: ROOT, encoding: 'utf8' });
    expect(stderr.match(/^docs\/cli\/.*/gm)).toBe(null);
  });

  it('link to what is there', () => {
    for (const file of globSync(['docs/**/*.md', 'packages/{cli,hub}/README.md'], { cwd: ROOT })) {
      for (const [, target = ''] of readFileSync(join(ROOT, file), 'utf8').matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        if (/^https?:/.test(target)) continue;
        expect([file, target, existsSync(join(ROOT, dirname(file), target))]).toEqual([file, target, true]);
      }
    }
  });
});
