import {
  ANNOTATION_DESCRIPTION,
  ANNOTATION_LICENSES,
  ANNOTATION_SERVICE_NAME,
  ANNOTATION_SOURCE,
  ANNOTATION_VERSION,
  ARTIFACT_TYPE_SERVICE,
  MEDIA_TYPE_BTF_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
  canonicalJsonBytes,
  shareParts,
} from '@bpfship/media-types';
import { type Descriptor, type Storage, type Tagger, buildManifest, pushBytes } from '@bpfship/oras-client';
import type { BuiltProject } from '../build/built-project.ts';
import { deriveIndex } from '../index/derive-index.ts';
import type { Project } from '../project/project.ts';
import { type PackedLayer, packDocsLayer, packVariantLayers } from './layers.ts';

/** How to pack. */
export interface PackProjectOptions {
  /** Default: the version, with `_` for `+`, which tags cannot hold. */
  tag?: string;
  signal?: AbortSignal;
}

/**
 * Writes a built project as one package: a layer for each variant, the BTF index, the manifest. The same objects and project file give the
 * same digest, on any machine.
 *
 * @param target - e.g. an `OciLayoutStore`.
 * @returns the manifest's descriptor.
 * @throws {DevkitError} `ERR_OBJECT_INVALID` where the objects are not what the project file says; nothing is written then.
 */
export async function packProject(
  project: Project,
  built: BuiltProject,
  target: Storage & Tagger,
  options: PackProjectOptions = {},
): Promise<Descriptor> {
  const variants = await packVariantLayers(built);
  const docs = await packDocsLayer(project);
  const index = deriveIndex(
    project,
    built,
    variants.map(({ descriptor }) => descriptor.digest),
  );
  const layers = withoutRepeats(docs === undefined ? variants : [...variants, docs]);
  for (const { descriptor, bytes } of layers) {
    if (!(await target.exists(descriptor, options))) await target.push(descriptor, bytes, options);
  }
  const config = await pushBytes(target, MEDIA_TYPE_BTF_INDEX, canonicalJsonBytes(shareParts(index)), options);
  const { manifest } = buildManifest({
    artifactType: ARTIFACT_TYPE_SERVICE,
    config,
    layers: layers.map(({ descriptor }) => descriptor),
    annotations: manifestAnnotations(project),
  });
  // As canonical JSON (spec/artifact.md, "Reproducibility").
  const bytes = await pushBytes(target, MEDIA_TYPE_OCI_MANIFEST, canonicalJsonBytes(manifest), options);
  const descriptor = { ...bytes, artifactType: ARTIFACT_TYPE_SERVICE };
  await target.tag(descriptor, options.tag ?? defaultTag(project.version), options);
  return descriptor;
}

/** The tag of a version: a tag cannot hold the `+` of build metadata (distribution-spec, "Pulling manifests"). */
export function defaultTag(version: string): string {
  return version.replaceAll('+', '_');
}

/** Two forms with the same bytes are one layer. */
function withoutRepeats(layers: readonly PackedLayer[]): PackedLayer[] {
  return [...new Map(layers.toReversed().map((layer) => [layer.descriptor.digest, layer])).values()].toReversed();
}

function manifestAnnotations({ name, version, description, licenses, source }: Project): Record<string, string> {
  return {
    [ANNOTATION_SERVICE_NAME]: name,
    [ANNOTATION_VERSION]: version,
    ...(description === undefined ? {} : { [ANNOTATION_DESCRIPTION]: description }),
    ...(licenses === undefined ? {} : { [ANNOTATION_LICENSES]: licenses }),
    ...(source === undefined ? {} : { [ANNOTATION_SOURCE]: source }),
  };
}
