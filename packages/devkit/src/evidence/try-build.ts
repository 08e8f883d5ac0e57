import type { BtfIndex } from '@bpfship/media-types';
import type { BuiltProject } from '../build/built-project.ts';
import { deriveIndex } from '../index/derive-index.ts';
import { packVariantLayers } from '../pack/layers.ts';
import type { Project } from '../project/project.ts';
import { recordEvidence, type RecordedEvidence, type RecordEvidenceOptions } from './record-evidence.ts';

/** A build, and the kernel to try it on. */
export interface TryBuildOptions extends Omit<
  RecordEvidenceOptions,
  'index' | 'objectAt' | 'facts' | 'btf' | 'modules'
> {
  project: Project;
  built: BuiltProject;
  /** Reads what this kernel offers of what the index needs. */
  readFacts: (index: BtfIndex) => Promise<Pick<RecordEvidenceOptions, 'facts' | 'btf' | 'modules'>>;
}

/**
 * Loads what was built once on this kernel: what is wrong on every kernel shows here, before anybody gets it. The evidence is that of the package
 * which `packProject` makes of the same build.
 *
 * @throws {DevkitError} `ERR_OBJECT_INVALID` as `packProject` does.
 */
export async function tryBuild({ project, built, readFacts, ...options }: TryBuildOptions): Promise<RecordedEvidence> {
  const layers = await packVariantLayers(built);
  const index = deriveIndex(
    project,
    built,
    layers.map(({ descriptor }) => descriptor.digest),
  );
  const objectAt = (position: number): Promise<Uint8Array> => {
    const object = built.objects[position];
    return object ? Promise.resolve(object.bytes) : Promise.reject(new RangeError(`no object ${position}`));
  };
  return recordEvidence({ ...options, index, objectAt, ...(await readFacts(index)) });
}
