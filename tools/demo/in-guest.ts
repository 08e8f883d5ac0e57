import { mkdtempSync } from 'node:fs';
import { createRegistry } from '../../registry-dev/dist/index.js';
import { walkNodeRoad } from './node-road.ts';
import { createShower } from './show.ts';

// Steps 4 to 7 of the demonstration, inside a qemu guest that has nothing but this repository's packages.
const program = '/bpfship/packages/cli/bin/bpfship.js';
const bpfship = [process.execPath, program];
const shower = createShower('/bpfship', (argument) =>
  argument === process.execPath ? 'npx' : argument === program ? 'bpfship' : argument,
);
const registry = await createRegistry({ root: mkdtempSync('/tmp/registry-') });
try {
  const namespace = `${registry.host}/demo`;
  for (const service of ['exec-watch', 'xdp-guard']) {
    for (const version of ['1.0.0', '1.1.0']) {
      await shower.run([...bpfship, 'push', `/work/${service}:${version}`, `${namespace}/${service}:${version}`], {
        quiet: true,
      });
    }
  }
  const costs = await walkNodeRoad(shower, {
    bpfship,
    reference: (service, version) => `${namespace}/${service}:${version}`,
    key: '/work/demo.pub',
  });
  console.log(`bpfship-demo-costs:${JSON.stringify(costs)}`);
} catch (error) {
  console.error(`Error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await registry.close();
}
