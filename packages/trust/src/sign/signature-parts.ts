import {
  ANNOTATION_ARTIFACT_TYPE,
  ANNOTATION_MEDIA_TYPE,
  ANNOTATION_TITLE,
  compatibleConfig,
  MEDIA_TYPE_IMAGE_CONFIG,
  MEDIA_TYPE_IMAGE_LAYER,
  MEDIA_TYPE_SIGSTORE_BUNDLE,
  tarSingleFile,
  WRAPPED_FILE_NAMES,
} from '@bpfship/media-types';
import { type Descriptor, digestOf, type PackOptions } from '@bpfship/oras-client';

/** What a signature is stored as: blobs to push first, and what its manifest says of them. */
export interface SignatureParts {
  readonly blobs: readonly { readonly mediaType: string; readonly bytes: Uint8Array }[];
  readonly manifest: Pick<PackOptions, 'artifactType' | 'config' | 'layers' | 'annotations'>;
}

/** The form that cosign reads (spec/signature.md, "Placement"). */
export function standardParts(bundle: Uint8Array): SignatureParts {
  const mediaType = MEDIA_TYPE_SIGSTORE_BUNDLE;
  return {
    blobs: [{ mediaType, bytes: bundle }],
    manifest: { artifactType: mediaType, layers: [describe(mediaType, bundle)] },
  };
}

/** The form for registries that refuse types that they do not know (spec/compatible-form.md, "Signatures"). */
export function compatibleParts(bundle: Uint8Array): SignatureParts {
  const name = WRAPPED_FILE_NAMES[MEDIA_TYPE_SIGSTORE_BUNDLE] ?? '';
  const tar = tarSingleFile(name, bundle);
  const layer: Descriptor = {
    ...describe(MEDIA_TYPE_IMAGE_LAYER, tar),
    annotations: { [ANNOTATION_MEDIA_TYPE]: MEDIA_TYPE_SIGSTORE_BUNDLE, [ANNOTATION_TITLE]: `${name}.tar` },
  };
  const config = compatibleConfig([layer.digest]);
  return {
    blobs: [
      { mediaType: MEDIA_TYPE_IMAGE_CONFIG, bytes: config },
      { mediaType: MEDIA_TYPE_IMAGE_LAYER, bytes: tar },
    ],
    manifest: {
      config: describe(MEDIA_TYPE_IMAGE_CONFIG, config),
      layers: [layer],
      annotations: { [ANNOTATION_ARTIFACT_TYPE]: MEDIA_TYPE_SIGSTORE_BUNDLE },
    },
  };
}

function describe(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}
