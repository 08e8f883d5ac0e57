import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { runInGuest } from '../guest/run-in-guest.ts';
import { itNeeds } from '../support/capabilities.ts';
import { buildSignedExamples, type SignedExamples } from '../support/packages.ts';

/** What the guest's road tells of one service. */
interface RoadResult {
  release: string;
  services: Record<
    string,
    { selected: string; verdicts: Record<string, string>; reasons: string[]; upgraded: string; kept: boolean }
  >;
  event: { comm?: string; filename?: string; args?: string };
  leftovers: string[];
}

/** Kernel series → the variants that must be selected. */
const EXPECTED: Record<string, { 'exec-watch': string; 'xdp-guard': string }> = {
  '5.10': { 'exec-watch': 'ringbuf', 'xdp-guard': 'plain' },
  '6.1': { 'exec-watch': 'loop', 'xdp-guard': 'frags' },
  '6.12': { 'exec-watch': 'loop', 'xdp-guard': 'frags' },
  '7.2': { 'exec-watch': 'loop', 'xdp-guard': 'frags' },
};

const kernels = (process.env['BPFSHIP_TEST_KERNELS'] ?? '5.10,6.12').split(',');
const itInGuest = itNeeds('qemu', 'debian-archive');
let examples: SignedExamples;

beforeAll(() => {
  examples = buildSignedExamples();
}, 120_000);
afterAll(() => examples?.remove());

describe.each(kernels)('Debian’s Linux %s in qemu', (series) => {
  itInGuest(
    'runs the road: select, install, events, upgrade with maps kept, rollback, uninstall',
    async () => {
      const { output, status } = await runInGuest({
        kernel: series,
        files: {
          '/work/exec-watch': examples.layout('exec-watch'),
          '/work/xdp-guard': examples.layout('xdp-guard'),
          '/work/test.pub': examples.key.public,
          '/bpfship/test/guest/road.ts': join(import.meta.dirname, '..', 'guest', 'road.ts'),
        },
        command: 'cd /bpfship && node test/guest/road.ts',
      });
      expect(status, output.slice(-4000)).toBe(0);
      const line = output.split('\n').find((text) => text.startsWith('road-result:')) ?? '';
      const result = JSON.parse(line.slice('road-result:'.length)) as RoadResult;
      expect(result.release.startsWith(`${series}.`)).toBe(true);
      for (const service of ['exec-watch', 'xdp-guard'] as const) {
        const road = result.services[service];
        expect(road).toMatchObject({ selected: EXPECTED[series]?.[service], upgraded: '1.1.0', kept: true });
        // What does not fit says why.
        const refused = Object.values(road?.verdicts ?? {}).filter((outcome) => outcome === 'refused').length;
        expect(road?.reasons.length).toBeGreaterThanOrEqual(refused);
      }
      expect(result.event).toMatchObject({ args: expect.stringContaining('ls -la /proc') });
      expect(result.leftovers).toEqual([]);
      if (series === '5.10') {
        expect(result.services['exec-watch']?.reasons.join('\n')).toContain('bpf_loop');
        expect(result.services['xdp-guard']?.reasons.join('\n')).toContain('xdp-frags');
      }
    },
    600_000,
  );
});
