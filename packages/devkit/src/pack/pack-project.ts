import {
  ANNOTATION_DESCRIPTION,
  ANNOTATION_LICENSES,
  ANNOTATION_SERVICE_NAME,
  ANNOTATION_SOURCE,
  ANNOTATION_VERSION,
  ARTIFACT_TYPE_SERVICE,
  MEDIA_TYPE_BTF_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
  type BtfIndex,
  canonicalJsonBytes,
} from '@bpfship/media-types';
import { type Descriptor, type Storage, type Tagger, buildManifest, digestOf, pushBytes } from '@bpfship/oras-client';
import type { BuiltProject } from '../build/built-project.ts';
import { deriveIndex } from '../index/derive-index.ts';
import type { Project } from '../project/project.ts';
import { indexBytes } from './index-bytes.ts';
import { packCompatibleParts } from './compatible-parts.ts';
import { type PackedLayer, type PackedParts, packDocsLayer, packVariantLayers } from './layers.ts';

/** How to pack. */
export interface PackProjectOptions {
  /** Default: the version, with `_` for `+`, which tags cannot hold. */
  tag?: string;
  /**
   * `compatible`: as a container image would look, for registries that refuse other types (spec/compatible-form.md). It is another package,
   * with a digest and signatures of its own. Default: `standard`.
   */
  form?: 'standard' | 'compatible';
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
  const parts =
    options.form === 'compatible' ? packCompatibleParts(project, index, layers) : standardParts(index, layers);
  const annotations = { ...manifestAnnotations(project), ...parts.annotations };
  for (const { descriptor, bytes } of [parts.config, ...parts.layers]) {
    if (!(await target.exists(descriptor, options))) await target.push(descriptor, bytes, options);
  }
  const { artifactType } = parts;
  const { manifest } = buildManifest({
    ...(artifactType === undefined ? {} : { artifactType }),
    config: parts.config.descriptor,
    layers: parts.layers.map(({ descriptor }) => descriptor),
    annotations,
  });
  // As canonical JSON (spec/artifact.md, "Reproducibility").
  const bytes = await pushBytes(target, MEDIA_TYPE_OCI_MANIFEST, canonicalJsonBytes(manifest), options);
  const descriptor = { ...bytes, ...(artifactType === undefined ? {} : { artifactType }) };
  await target.tag(descriptor, options.tag ?? defaultTag(project.version), options);
  return descriptor;
}

/** The BTF index is the config (spec/artifact.md, "Manifest"). */
function standardParts(index: BtfIndex, layers: PackedLayer[]): PackedParts {
  const bytes = indexBytes(index);
  const config = {
    bytes,
    descriptor: { mediaType: MEDIA_TYPE_BTF_INDEX, digest: digestOf(bytes), size: bytes.length },
  };
  return { artifactType: ARTIFACT_TYPE_SERVICE, config, layers, annotations: {} };
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
