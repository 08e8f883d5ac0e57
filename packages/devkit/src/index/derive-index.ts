import { type BtfIndex, MEDIA_TYPE_BTF_INDEX, parseBtfIndex } from '@bpfship/media-types';
import type { BuiltProject } from '../build/built-project.ts';
import { DevkitError } from '../devkit-error.ts';
import type { Project } from '../project/project.ts';
import { describeParameters } from './describe-parameters.ts';
import { checkUpgradeRules } from './check-upgrade-rules.ts';
import { describeVariant } from './describe-variant.ts';

/**
 * The BTF index of a built project: what the author declares, and what the objects themselves say that they need (spec/btf-index.md).
 *
 * @param layers - digest of each object's layer, in the order of `built.objects`.
 * @throws {DevkitError} `ERR_OBJECT_INVALID` where an object is unusable or lacks what the project file names.
 */
export function deriveIndex(project: Project, built: BuiltProject, layers: readonly string[]): BtfIndex {
  const { name, version, description, licenses, source, events, metrics, parameters } = project;
  const { switching, migrations, health } = project;
  const variants = built.objects.map((object, i) =>
    describeVariant(object, layers[i] ?? '', { events, metrics, parameters }),
  );
  const index: BtfIndex = {
    schemaVersion: 1,
    mediaType: MEDIA_TYPE_BTF_INDEX,
    name,
    version,
    ...(description === undefined ? {} : { description }),
    ...(licenses === undefined ? {} : { licenses }),
    ...(source === undefined ? {} : { source }),
    ...(events.length === 0 ? {} : { events }),
    ...(metrics.length === 0 ? {} : { metrics }),
    ...(parameters.length === 0 ? {} : { parameters: describeParameters(built.objects, parameters) }),
    ...(switching === undefined ? {} : { switching }),
    ...(migrations.length === 0 ? {} : { migrations }),
    ...(health === undefined ? {} : { health }),
    variants,
  };
  checkUpgradeRules(index, project);
  return checkOwnIndex(index, project);
}

/** What every reader will check, the producer checks first. */
function checkOwnIndex(index: BtfIndex, { file }: Project): BtfIndex {
  try {
    return parseBtfIndex(index);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DevkitError('ERR_OBJECT_INVALID', `the service cannot be described: ${reason}`, {
      file,
      hint: 'Rename or remove what the message names.',
      cause,
    });
  }
}
