import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OciLayoutStore } from '@bpfship/oras-client';
import { collectGarbage } from '../../src/node/collect-garbage.ts';
import { StateFiles } from '../../src/node/state-files.ts';
import type { ServiceState } from '../../src/node/state-schema.ts';
import { readStoredObject, readStoredPackage } from '../../src/node/stored-package.ts';
import { type Change, recordChange } from '../support/crash/crash-road.ts';
import { packNumberedService } from '../support/crash/numbered-service.ts';
import { cutsOf } from '../support/power-cut/cuts.ts';
import { Disk, plant, readTree } from '../support/power-cut/disk.ts';
import { createSandbox, filesIn, IS_ROOT } from '../support/sandbox.ts';
import { layCable } from '../support/virtual-cable.ts';

const SERVICE = 'test-service';
/** The sandbox's state folder, whose own place in its parent is part of the record. */
const STATE = 'state';
/** After one in so many, garbage is collected too; `npm run test:crash` does it after all of them. */
const EVERY = process.env['BPFSHIP_CRASH'] === 'all' ? 1 : 8;

/**
 * Reads everything that a node needs after its start: states, and for every generation, with every byte verified, what a rollback takes.
 */
async function readNode(stateDir: string): Promise<ServiceState[]> {
  const states = await new StateFiles(stateDir).all();
  const store = await OciLayoutStore.open(join(stateDir, 'store'), { create: true });
  for (const generation of states.flatMap(({ generations }) => generations)) {
    const { manifest, variant } = await readStoredPackage(store, generation);
    await readStoredObject(store, manifest, variant);
  }
  return states;
}

describe.skipIf(!IS_ROOT)('a power cut at any moment', () => {
  it.each<[Change['change'], string[]]>([
    ['install', []],
    ['upgrade', ['1.0.0']],
    ['rollback', ['1.0.0', '1.1.0']],
    ['uninstall', ['1.0.0', '1.1.0']],
  ])(
    'of an %s leaves the state before it or the one after it, and every byte that it names',
    async (change, versions) => {
      const sandbox = createSandbox();
      const cable = layCable();
      const { packed, layout } = await packNumberedService(sandbox, `y${process.pid.toString(36)}`);
      const root = join(sandbox.folder, 'disk');
      mkdirSync(root);
      const stateDir = join(root, STATE);
      const attach = { '*': { interfaceName: cable.name } };
      {
        await using node = await sandbox.openNode({ stateDir });
        for (const version of versions) {
          const from = { ...packed.unsigned(version), attach };
          await (version === '1.0.0' ? node.install(from) : node.upgrade({ ...from, service: SERVICE }));
        }
      }
      if (versions.length === 0) rmSync(stateDir, { recursive: true });
      const before = readTree(root);
      const old = existsSync(stateDir) ? await readNode(stateDir) : [];
      const operations = await recordChange(sandbox.folder, root, {
        stateDir,
        bpffsDir: sandbox.bpffsDir,
        layout,
        change,
        version: change === 'install' ? '1.0.0' : '1.1.0',
        attach,
      });
      const next = await readNode(stateDir);
      expect(next).not.toEqual(old);

      const cut = join(sandbox.folder, 'cut');
      const found = new Set<string>();
      let tried = 0;
      for (const { after, tree, what } of cutsOf(new Disk(before), operations)) {
        tried += 1;
        rmSync(cut, { recursive: true, force: true });
        plant(cut, tree);
        const where = `cut after operation ${after} (${JSON.stringify(operations[after - 1])}), ${what}`;
        let states: ServiceState[];
        try {
          states = await readNode(join(cut, STATE));
        } catch (error) {
          throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
        }
        expect([JSON.stringify(old), JSON.stringify(next)], where).toContain(JSON.stringify(states));
        found.add(JSON.stringify(states));
        if (tried % EVERY !== 0) continue;
        // What the cut left of unfinished work can be thrown away.
        const store = await OciLayoutStore.open(join(cut, STATE, 'store'));
        await collectGarbage(store, states);
        expect(await readNode(join(cut, STATE)), where).toEqual(states);
        expect(
          filesIn(join(cut, STATE, 'store')).filter(
            (name) => !/^(?:blobs\/sha256\/[0-9a-f]{64}|index\.json|oci-layout)$/.test(name),
          ),
          where,
        ).toEqual([]);
      }
      expect(found.size).toBe(2);
      expect(tried).toBeGreaterThan(operations.length / 2);
    },
  );
});
