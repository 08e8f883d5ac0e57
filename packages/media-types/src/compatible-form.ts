import {
  MEDIA_TYPE_BTF_INDEX,
  MEDIA_TYPE_IMAGE_LAYER,
  MEDIA_TYPE_IMAGE_LAYER_GZIP,
  MEDIA_TYPE_IMAGE_LAYER_ZSTD,
} from './media-types.ts';
import { ANNOTATION_ARTIFACT_TYPE, ANNOTATION_MEDIA_TYPE } from './annotations.ts';
import { canonicalJsonBytes } from './canonical-json.ts';

/**
 * The compatible form of an artifact (spec/compatible-form.md): an ordinary container image as far as a registry can see, for registries that
 * refuse config, layer and artifact types that they do not know.
 */

/** Names of the files in wrapped layers, by the media type of their content. */
export const WRAPPED_FILE_NAMES: Readonly<Record<string, string>> = {
  [MEDIA_TYPE_BTF_INDEX]: 'btf-index.json',
  'application/vnd.dev.sigstore.bundle.v0.3+json': 'bundle.sigstore.json',
};

/** What the form needs to be told of a manifest. */
interface Typed {
  artifactType?: string | undefined;
  annotations?: Record<string, string> | undefined;
}

/** What the form needs to be told of a layer. */
interface TypedLayer {
  mediaType: string;
  annotations?: Record<string, string> | undefined;
}

/** Whether a manifest is in the compatible form, of whatever artifact. */
export function isCompatibleForm({ artifactType, annotations }: Typed): boolean {
  return artifactType === undefined && annotations?.[ANNOTATION_ARTIFACT_TYPE] !== undefined;
}

/** The artifact type that a manifest in the compatible form stands for; undefined for every other manifest. */
export function compatibleArtifactType(manifest: Typed): string | undefined {
  return isCompatibleForm(manifest) ? manifest.annotations?.[ANNOTATION_ARTIFACT_TYPE] : undefined;
}

/** The media type of what a layer of the compatible form holds; that of the layer itself where it says nothing. */
export function compatibleMediaType({ mediaType, annotations }: TypedLayer): string {
  return annotations?.[ANNOTATION_MEDIA_TYPE] ?? mediaType;
}

/** The media type of the image layer as which content of a media type travels: tars as what they are, everything else wrapped in one. */
export function imageLayerType(mediaType: string): string {
  if (mediaType.endsWith('.tar+gzip')) return MEDIA_TYPE_IMAGE_LAYER_GZIP;
  if (mediaType.endsWith('.tar+zstd')) return MEDIA_TYPE_IMAGE_LAYER_ZSTD;
  return MEDIA_TYPE_IMAGE_LAYER;
}

/**
 * The config blob: an image for no machine, so that no container runtime takes it for one of its own.
 *
 * @param diffIds - digests of the layers' tars, not compressed, in the layers' order (image-spec config.md, "rootfs").
 */
export function compatibleConfig(diffIds: readonly string[]): Uint8Array {
  return canonicalJsonBytes({
    architecture: 'unknown',
    config: {},
    os: 'unknown',
    rootfs: { type: 'layers', diff_ids: [...diffIds] },
  });
}
