import { join } from 'node:path';
import type { Shower } from './show.ts';

/** One package of the demonstration. */
export interface DemoPackage {
  service: string;
  version: string;
  /** Folder with its project file, relative to the repository. */
  project: string;
}

/** Two services, two versions each. */
export const PACKAGES: readonly DemoPackage[] = [
  { service: 'exec-watch', version: '1.0.0', project: 'examples/exec-watch/1.0.0' },
  { service: 'exec-watch', version: '1.1.0', project: 'examples/exec-watch' },
  { service: 'xdp-guard', version: '1.0.0', project: 'examples/xdp-guard/1.0.0' },
  { service: 'xdp-guard', version: '1.1.0', project: 'examples/xdp-guard' },
];

/** Where the road leads. */
export interface AuthorOptions {
  bpfship: string[];
  /** Folder for layouts, keys and the registry. */
  work: string;
  /** Registry and namespace, e.g. `127.0.0.1:5000/demo`. */
  registry: string;
}

/** Steps 1 to 3: build, pack, sign, push. */
export async function walkAuthorRoad(shower: Shower, { bpfship, work, registry }: AuthorOptions): Promise<void> {
  shower.step('1. Build: every variant of both services, from C');
  for (const { project } of PACKAGES) await shower.run([...bpfship, 'build', project]);

  shower.step('2. Pack: one artifact for each version, with all its variants');
  for (const { service, version, project } of PACKAGES) {
    const layout = join(work, service);
    await shower.run([...bpfship, 'pack', project, '--output', layout], { quiet: version === '1.1.0' });
  }
  await shower.run([...bpfship, 'inspect', '--oci-layout', `${join(work, 'exec-watch')}:1.0.0`]);
  await shower.run([...bpfship, 'inspect', '--oci-layout', `${join(work, 'xdp-guard')}:1.0.0`]);

  shower.step('3. Sign and push');
  await shower.run([...bpfship, 'generate-key-pair', '--output-key-prefix', join(work, 'demo')]);
  for (const { service, version } of PACKAGES) {
    const layout = `${join(work, service)}:${version}`;
    await shower.run([...bpfship, 'sign', '--key', join(work, 'demo.key'), '--oci-layout', layout]);
    await shower.run([...bpfship, 'push', layout, `${registry}/${service}:${version}`]);
  }
}
