import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import * as source from '../src/decision.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const BUNDLE = join(import.meta.dirname, '..', 'dist', 'decision.bundle.js');

beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, 'tools', 'bundle.ts')], { cwd: ROOT });
});

describe('@bpfship/portability/decision', () => {
  it('is one file that imports nothing and brings no schemas', () => {
    const text = readFileSync(BUNDLE, 'utf8');
    expect(text).not.toMatch(/^\s*import\b/m);
    expect(text).not.toContain('ZodType');
  });

  it('has the face of its source', async () => {
    const bundle = (await import(BUNDLE)) as object;
    expect(Object.keys(bundle).sort()).toEqual(Object.keys(source).sort());
  });
});
