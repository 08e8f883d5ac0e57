import {
  ANNOTATION_TITLE,
  ARTIFACT_TYPE_CATALOGUE,
  type Catalogue,
  canonicalJsonBytes,
  MAX_CATALOGUE_SIZE,
  MEDIA_TYPE_CATALOGUE,
  parseCatalogue,
} from '@bpfship/media-types';
import {
  type Descriptor,
  fetchBytes,
  fetchReference,
  isIndexManifest,
  packManifest,
  parseManifest,
  pushBytes,
  type ReadOnlyTarget,
  type Target,
} from '@bpfship/oras-client';
import { HubError } from './hub-error.ts';

/** Stores a catalogue as an artifact and tags it. Same catalogue, same digest. */
export async function publishCatalogue(
  target: Target,
  catalogue: Catalogue,
  tag: string,
  options: { signal?: AbortSignal } = {},
): Promise<Descriptor> {
  const config = await pushBytes(target, MEDIA_TYPE_CATALOGUE, canonicalJsonBytes(catalogue), options);
  // The document is config and layer in one blob, so that generic clients that store layers as files get it too.
  const layer = { ...config, annotations: { [ANNOTATION_TITLE]: 'catalogue.json' } };
  const descriptor = await packManifest(target, {
    artifactType: ARTIFACT_TYPE_CATALOGUE,
    config,
    layers: [layer],
    annotations: { 'org.opencontainers.image.created': catalogue.created },
    ...options,
  });
  await target.tag(descriptor, tag, options);
  return descriptor;
}

/**
 * Reads a catalogue.
 *
 * @param verify - decides by the manifest's descriptor whether the catalogue may be used; throws where not.
 */
export async function fetchCatalogue(
  target: ReadOnlyTarget,
  reference: string,
  verify: (subject: Descriptor) => Promise<void>,
  options: { signal?: AbortSignal } = {},
): Promise<{ catalogue: Catalogue; descriptor: Descriptor }> {
  const { descriptor, bytes } = await fetchReference(target, reference, options);
  const manifest = parseManifest(bytes, descriptor);
  if (isIndexManifest(manifest) || manifest.artifactType !== ARTIFACT_TYPE_CATALOGUE) {
    throw new HubError(
      'ERR_HUB_NOT_A_CATALOGUE',
      `"${reference}" is not a catalogue`,
      'Name an artifact that "bpfship hub build" wrote.',
    );
  }
  await verify(descriptor);
  const document = await fetchBytes(target, manifest.config, { maxBytes: MAX_CATALOGUE_SIZE, ...options });
  return { catalogue: parseCatalogue(document), descriptor };
}
