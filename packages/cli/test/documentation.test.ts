import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../src/program.ts';
import { commandIn } from '../src/usage-error.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

describe('docs', () => {
  it('say what the program does', () => {
    const { stderr } = spawnSync(process.execPath, ['tools/docs.ts', '--check'], { cwd: ROOT, encoding: 'utf8' });
    expect(stderr.match(/^docs\/cli\/.*/gm)).toBe(null);
  });

  it('name commands and options that there are', async () => {
    const program = await createProgram(() => {
      throw new Error('no command runs here');
    });
    const lines = [...readFileSync(join(ROOT, 'docs/artifacts.md'), 'utf8').matchAll(/`(bpfship [^`]+)`/g)];
    expect(lines.length).toBeGreaterThan(20);
    for (const [, line = ''] of lines) {
      const words = line.split(' ').slice(1);
      const command = commandIn(program, words);
      const known = [...program.options, ...command.options].flatMap(({ long, short }) => [long, short]);
      expect([line, command.parent === null]).toEqual([line, false]);
      for (const option of words.filter((word) => word.startsWith('-') && word !== '-'))
        expect([line, option, known.includes(option)]).toEqual([line, option, true]);
    }
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
