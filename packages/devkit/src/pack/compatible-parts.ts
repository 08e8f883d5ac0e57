import { gunzipSync } from 'node:zlib';
import {
  ANNOTATION_ARTIFACT_TYPE,
  ANNOTATION_MEDIA_TYPE,
  ANNOTATION_TITLE,
  ARTIFACT_TYPE_SERVICE,
  type BtfIndex,
  compatibleConfig,
  imageLayerType,
  MEDIA_TYPE_BTF_INDEX,
  MEDIA_TYPE_IMAGE_CONFIG,
  tarSingleFile,
  WRAPPED_FILE_NAMES,
} from '@bpfship/media-types';
import { digestOf } from '@bpfship/oras-client';
import type { Project } from '../project/project.ts';
import { indexBytes } from './index-bytes.ts';
import { layerTitle, type PackedLayer, type PackedParts } from './layers.ts';

/**
 * The parts of a package in the compatible form (spec/compatible-form.md). The layers of variants keep their bytes, and the BTF index too:
 * what a node decides and loads is the same in both forms.
 *
 * @param layers - gzip-compressed tars.
 */
export function packCompatibleParts(project: Project, index: BtfIndex, layers: readonly PackedLayer[]): PackedParts {
  const tar = tarSingleFile(WRAPPED_FILE_NAMES[MEDIA_TYPE_BTF_INDEX] ?? '', indexBytes(index));
  const indexLayer = imageLayer(tar, MEDIA_TYPE_BTF_INDEX, {
    [ANNOTATION_TITLE]: layerTitle(project, 'btf-index', 'tar'),
  });
  const images = layers.map(({ bytes, descriptor }) => imageLayer(bytes, descriptor.mediaType, descriptor.annotations));
  const diffIds = [digestOf(tar), ...layers.map(({ bytes }) => digestOf(gunzipSync(bytes)))];
  const config = compatibleConfig(diffIds);
  return {
    config: {
      bytes: config,
      descriptor: { mediaType: MEDIA_TYPE_IMAGE_CONFIG, digest: digestOf(config), size: config.length },
    },
    layers: [indexLayer, ...images],
    annotations: { [ANNOTATION_ARTIFACT_TYPE]: ARTIFACT_TYPE_SERVICE },
  };
}

function imageLayer(bytes: Uint8Array, mediaType: string, annotations: Record<string, string> = {}): PackedLayer {
  return {
    bytes,
    descriptor: {
      mediaType: imageLayerType(mediaType),
      digest: digestOf(bytes),
      size: bytes.length,
      annotations: { ...annotations, [ANNOTATION_MEDIA_TYPE]: mediaType },
    },
  };
}
