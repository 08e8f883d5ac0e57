import { describe, expect, it } from 'vitest';
import { SOAK_KINDS } from '../../bench/soak/kinds.ts';
import { soak } from '../../bench/soak/soak.ts';

// A slice of `npm run soak`: the same roads on the real kernel, with fewer upgrades.
describe.skipIf(process.getuid?.() !== 0)('upgrades under load', () => {
  it.each(SOAK_KINDS)('of a service at $name lose no event and double none', async (kind) => {
    const { made, seen, byVersion, switched } = await soak(kind, { upgrades: 50, rate: kind.rate || 200_000 });
    expect(seen).toMatchObject({ once: made, lost: 0, doubled: 0 });
    expect(Math.min(...byVersion)).toBeGreaterThan(0);
    expect(switched).toEqual({ [kind.switchedBy === 'updateLink' ? 'in-place' : 'stub']: 50 });
  });
});
