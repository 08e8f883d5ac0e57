import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { soakTransfers } from '../../bench/soak/faulty-transfers.ts';

// A slice of `npm run soak -- transfers`.
it('pushes and pulls through faults accept no wrong byte, lose nothing that was acknowledged, and come to an end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-faults-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const soak = await soakTransfers(300, { folder, signal: AbortSignal.timeout(240_000) });
  expect(soak).toMatchObject({ transfers: 300, wrong: 0, lost: 0, untyped: [], hung: 0 });
  // Most transfers succeed all the same, and faults were really met.
  expect(soak.pushed + soak.pulled).toBeGreaterThan(150);
  expect(Object.keys(soak.failures).length).toBeGreaterThan(0);
});
