import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { ARM64_SERIES } from '../../tools/machine/kernels.ts';
import { type GuestResult, runInGuest } from '../guest/run-in-guest.ts';
import { itNeeds } from '../support/capabilities.ts';
import { buildSignedExamples, type SignedExamples } from '../support/packages.ts';

/** What the guest's road tells of one service. */
interface RoadResult {
  release: string;
  services: Record<
    string,
    { selected: string; verdicts: Record<string, string>; reasons: string[]; upgraded: string; kept: boolean }
  >;
  event?: { comm?: string; filename?: string; args?: string };
}

/** What it tells after a boot. */
interface SecondResult {
  release: string;
  event?: { args?: string };
  restored: { service: string; outcome: string; variant: string; generation: number; warnings: string[] }[];
  leftovers: string[];
}

/** Kernel series → the variants that must be selected. */
const EXPECTED: Record<string, { 'exec-watch': string; 'xdp-guard': string }> = {
  '5.10': { 'exec-watch': 'ringbuf', 'xdp-guard': 'plain' },
  '6.1': { 'exec-watch': 'loop', 'xdp-guard': 'frags' },
  '6.12': { 'exec-watch': 'loop', 'xdp-guard': 'frags' },
  '7.2': { 'exec-watch': 'loop', 'xdp-guard': 'frags' },
  [ARM64_SERIES]: { 'exec-watch': 'loop', 'xdp-guard': 'frags' },
};
/** In bytes: what a node keeps is far smaller. */
const DISK_SIZE = 64 * 1024 * 1024;

const amd64 = (process.env['BPFSHIP_TEST_KERNELS'] ?? '5.10,6.12').split(',');
const kernels = [...amd64, ...(process.env['BPFSHIP_TEST_ARM64'] === '1' ? [ARM64_SERIES] : [])];
const oldest = amd64[0] ?? '5.10';
const newest = amd64.at(-1) ?? oldest;
const itInGuest = itNeeds('qemu', 'debian-archive');
const onSeries = (series: string): typeof itInGuest =>
  series === ARM64_SERIES ? itNeeds('qemu-arm64', 'debian-archive') : itInGuest;
let examples: SignedExamples;
let disks: string;

beforeAll(() => {
  examples = buildSignedExamples();
  disks = mkdtempSync(join(tmpdir(), 'bpfship-disks-'));
}, 120_000);
afterAll(() => {
  examples?.remove();
  if (disks) rmSync(disks, { recursive: true, force: true });
});

/** The disk of a node. */
function diskOf(series: string): string {
  return join(disks, series);
}

async function boot(series: string, disk: string, part: 'first' | 'again'): Promise<unknown> {
  const { output, status }: GuestResult = await runInGuest({
    kernel: series,
    disk,
    files: {
      '/work/exec-watch': examples.layout('exec-watch'),
      '/work/xdp-guard': examples.layout('xdp-guard'),
      '/work/test.pub': examples.key.public,
      '/bpfship/test/guest/road.ts': join(import.meta.dirname, '..', 'guest', 'road.ts'),
    },
    command: `cd /bpfship && node test/guest/road.ts ${part}`,
  });
  expect(status, output.slice(-4000)).toBe(0);
  const line = output.split('\n').find((text) => text.startsWith('road-result:')) ?? '';
  return JSON.parse(line.slice('road-result:'.length));
}

describe.each(kernels)('Debian’s Linux %s in qemu', (series) => {
  onSeries(series)(
    'runs the road: select, install, events, upgrade with maps kept, rollback',
    async () => {
      const disk = diskOf(series);
      writeFileSync(disk, '');
      truncateSync(disk, DISK_SIZE);
      const result = (await boot(series, disk, 'first')) as RoadResult;
      expect(result.release.startsWith(`${series.split('-')[0]}.`)).toBe(true);
      for (const service of ['exec-watch', 'xdp-guard'] as const) {
        const road = result.services[service];
        expect(road).toMatchObject({ selected: EXPECTED[series]?.[service], upgraded: '1.1.0', kept: true });
        // What does not fit says why.
        const refused = Object.values(road?.verdicts ?? {}).filter((outcome) => outcome === 'refused').length;
        expect(road?.reasons.length).toBeGreaterThanOrEqual(refused);
      }
      expect(result.event).toMatchObject({ args: expect.stringContaining('ls -la /proc') });
      if (series === '5.10') {
        expect(result.services['exec-watch']?.reasons.join('\n')).toContain('bpf_loop');
        expect(result.services['xdp-guard']?.reasons.join('\n')).toContain('xdp-frags');
      }
    },
    600_000,
  );

  onSeries(series)(
    'goes on with it after a reboot, without a network: restored, events, the other generation, uninstall, nothing left',
    async () => {
      const disk = `${diskOf(series)}-again`;
      copyFileSync(diskOf(series), disk);
      const result = (await boot(series, disk, 'again')) as SecondResult;
      expect(result.restored).toEqual(
        (['exec-watch', 'xdp-guard'] as const).map((service) => ({
          service,
          outcome: 'restored',
          variant: EXPECTED[series]?.[service],
          generation: 1,
          warnings: [],
        })),
      );
      expect(result.event).toMatchObject({ args: expect.stringContaining('ls -la /proc') });
      expect(result.leftovers).toEqual([]);
    },
    600_000,
  );
});

describe.runIf(newest !== oldest)(`the disk of Debian’s Linux ${newest}, booted with ${oldest}`, () => {
  itInGuest(
    'says which variants would fit and are not in the store; nothing is left half way',
    async () => {
      const disk = `${diskOf(newest)}-older`;
      copyFileSync(diskOf(newest), disk);
      const result = (await boot(oldest, disk, 'again')) as SecondResult;
      for (const { service, outcome, variant, warnings } of result.restored) {
        const fits = EXPECTED[oldest]?.[service as 'exec-watch' | 'xdp-guard'];
        if (fits === EXPECTED[newest]?.[service as 'exec-watch' | 'xdp-guard']) continue;
        expect({ service, outcome, variant }).toEqual({
          service,
          outcome: 'failed',
          variant: EXPECTED[newest]?.[service as 'exec-watch' | 'xdp-guard'],
        });
        expect(warnings.join('\n')).toContain(`what fits (`);
        expect(warnings.join('\n')).toContain(fits);
        expect(warnings.join('\n')).toContain(`bpfship upgrade ${service} `);
      }
      expect(result.leftovers).toEqual([]);
    },
    600_000,
  );
});
