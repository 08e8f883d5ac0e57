import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { archiveCanonically } from '../../src/pack/canonical-archive.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const FILES = [
  { name: 'demo.bpf.o', bytes: new TextEncoder().encode('an ELF object\n'.repeat(100)) },
  { name: 'LICENSE', bytes: new TextEncoder().encode('GPL') },
];

describe('archiveCanonically', () => {
  it('gives known bytes, on every Node version and machine', async () => {
    const digest = createHash('sha256')
      .update(await archiveCanonically(FILES))
      .digest('hex');
    expect(digest).toMatchInlineSnapshot(`"786a6694a338665ff6e7c7f476ef5bf94a884c28025ee676afdb77bd3cd3ff38"`);
  });

  it('does not depend on the order of files', async () => {
    expect(await archiveCanonically(FILES.toReversed())).toEqual(await archiveCanonically(FILES));
  });

  it('is what tar(1) reads: sorted, mode 0644, no owner, no time', async () => {
    const file = join(temporaryFolder(), 'layer.tar.gz');
    writeFileSync(file, await archiveCanonically(FILES));
    const list = execFileSync('tar', ['-tvzf', file, '--numeric-owner', '--utc', '--full-time'], { encoding: 'utf8' });
    expect(list.replace(/ +/g, ' ')).toBe(
      '-rw-r--r-- 0/0 3 1970-01-01 00:00:00 LICENSE\n-rw-r--r-- 0/0 1400 1970-01-01 00:00:00 demo.bpf.o\n',
    );
  });
});
