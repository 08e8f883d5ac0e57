import type { BtfIndex } from '@bpfship/media-types';
import { DevkitError } from '../devkit-error.ts';
import type { Project } from '../project/project.ts';

/**
 * Migrations and health probes name maps and programs that the service has; a variant may lack some of them.
 *
 * @throws {DevkitError} `ERR_OBJECT_INVALID`.
 */
export function checkUpgradeRules({ variants, migrations = [], health = {} }: BtfIndex, { file }: Project): void {
  const maps = new Set(variants.flatMap((variant) => variant.maps.map(({ name }) => name)));
  const programs = new Set(variants.flatMap((variant) => variant.programs.map(({ name }) => name)));
  const { eventsFlow = [], errorCounter = [], runTime = [], runs = [] } = health;
  const named: [what: string, where: string, known: ReadonlySet<string>, names: readonly string[]][] = [
    ['map', 'migrations', maps, migrations.map(({ map }) => map)],
    ['map', 'health', maps, [...eventsFlow, ...errorCounter].map(({ map }) => map)],
    ['program', 'health', programs, [...runTime, ...runs].map(({ program }) => program)],
  ];
  for (const [what, where, known, names] of named) {
    const missing = names.find((name) => !known.has(name));
    if (missing === undefined) continue;
    throw new DevkitError('ERR_OBJECT_INVALID', `no variant has a ${what} "${missing}", which "${where}" names`, {
      file,
      hint: `There are: ${[...known].join(', ')}.`,
    });
  }
}
