import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFolder } from '../src/index.ts';

describe('folders', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'folders-'));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it('are made with those above them, in order, and tell the first that is new', async () => {
    const made: string[] = [];
    const path = join(root, 'a', 'b', 'c');
    const onMade = (folder: string): Promise<void> => Promise.resolve(void made.push(folder));
    expect(await makeFolder(path, { mode: 0o700, onMade })).toBe(join(root, 'a'));
    expect(made).toEqual([join(root, 'a'), join(root, 'a', 'b'), path]);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(await makeFolder(path)).toBeUndefined();
  });

  it('may be made by several at once', async () => {
    const path = join(root, 'many', 'deep', 'deeper');
    await Promise.all(Array.from({ length: 20 }, () => makeFolder(path)));
    expect(existsSync(path)).toBe(true);
  });

  it('are refused where a file has the name', async () => {
    writeFileSync(join(root, 'file'), '');
    await expect(makeFolder(join(root, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(makeFolder(join(root, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it('are refused, and not tried for ever, where a file system takes none', async () => {
    await expect(makeFolder('/proc/no-such-folder/below')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
