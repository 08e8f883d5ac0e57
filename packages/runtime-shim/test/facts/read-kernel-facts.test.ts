import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, chownSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { copy, OciLayoutStore } from '@bpfship/oras-client';
import { type KernelFacts, kernelFactsBytes, parseKernelFacts } from '@bpfship/portability';
import { readKernelBtf } from '../../src/facts/kernel-btf.ts';
import { readKernelFacts } from '../../src/facts/read-kernel-facts.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { execCounter } from '../support/compile-object.ts';
import { nodeForOthers } from '../../../../test/support/node-for-others.ts';
import { createSandbox, IS_ROOT } from '../support/sandbox.ts';
import { packServices } from '../support/test-service.ts';

const NOBODY = 65_534;

describe.skipIf(!IS_ROOT)('readKernelFacts', () => {
  it('asks only what is needed', async () => {
    await using kernel = openKernel();
    const btf = await readKernelBtf();
    const facts = await readKernelFacts({
      kernel,
      btf,
      for: [
        { kind: 'program-type', value: 'xdp', programs: ['x'] },
        { kind: 'map-type', value: 'ringbuf', maps: ['x'] },
        { kind: 'helper', value: 'bpf_xdp_adjust_head', programType: 'kprobe', orElse: 'bpf_loop', programs: ['x'] },
        { kind: 'feature', value: 'cpu-v3' },
        { kind: 'from-the-future' },
      ],
    });
    expect(facts).toMatchObject({
      release: release(),
      btf: { available: btf !== undefined },
      privileges: { load: true },
    });
    expect(facts.programTypes).toEqual({ xdp: true });
    expect(facts.mapTypes).toEqual({ ringbuf: true });
    expect(facts.helpers).toEqual({ kprobe: { bpf_xdp_adjust_head: false, bpf_loop: expect.any(Boolean) as boolean } });
    expect(facts.features).toEqual({ 'cpu-v3': true });
    expect(facts.kconfig).toBeUndefined();
    expect(facts.btf.data).toBeUndefined();
  });

  it('gives a document that travels', async () => {
    await using kernel = openKernel();
    const btf = await readKernelBtf();
    const facts = await readKernelFacts({ kernel, btf, includeBtf: true });
    expect(parseKernelFacts(kernelFactsBytes(facts))).toEqual(facts);
    expect(Buffer.from(facts.btf.data ?? '', 'base64').equals(btf ?? new Uint8Array())).toBe(true);
    expect(Object.values(facts.programTypes).filter(Boolean).length).toBeGreaterThan(20);
    expect(Object.values(facts.mapTypes).filter(Boolean).length).toBeGreaterThan(20);
  });

  it('answers nothing, and never no, to a process without rights, which then cannot install either', async () => {
    const sandbox = createSandbox();
    const { store } = await packServices([{ version: '1.0.0', variants: { one: execCounter() } }]);
    const path = join(sandbox.folder, 'layout');
    await copy(store, '1.0.0', await OciLayoutStore.open(path, { create: true }), '1.0.0');
    const stateDir = join(sandbox.folder, 'own-state');
    mkdirSync(stateDir, { mode: 0o700 });
    chownSync(stateDir, NOBODY, NOBODY);
    chmodSync(sandbox.folder, 0o755);
    const script = join(import.meta.dirname, '..', 'support', 'without-rights.ts');
    const { stdout, stderr } = spawnSync(
      nodeForOthers(sandbox.folder),
      [script, stateDir, sandbox.bpffsDir, path, '1.0.0'],
      {
        encoding: 'utf8',
        uid: NOBODY,
        gid: NOBODY,
        maxBuffer: 16 * 1024 * 1024,
      },
    );
    expect(stderr).toBe('');
    const { asked, all, error, closed } = JSON.parse(stdout) as Record<'asked' | 'all', KernelFacts> &
      Record<'error' | 'closed', unknown>;
    for (const { programTypes, mapTypes, helpers, features, privileges } of [asked, all]) {
      const { 'kernel-btf': _readable, 'struct-ops-links': _ofTheLoader, ...probed } = features;
      // Some kernels let everybody make a few kinds; what they refuse must not become a no, whatever the reason.
      for (const table of [programTypes, mapTypes, probed, ...Object.values(helpers)]) {
        expect(Object.values(table)).not.toContain(false);
      }
      expect(privileges).toMatchObject({
        load: false,
        reason: expect.stringContaining('CAP_BPF') as string,
        root: false,
        capabilities: [],
      });
    }
    expect(error).toMatchObject({ code: 'ERR_SHIM_PRIVILEGE', hint: expect.stringContaining('root') as string });
    expect(closed).toMatchObject({
      code: 'ERR_SHIM_PRIVILEGE',
      hint: expect.stringContaining('--state-dir') as string,
    });
  });
});
