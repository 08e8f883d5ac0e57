import {
  ANNOTATION_ARTIFACT_TYPE,
  ANNOTATION_MEDIA_TYPE,
  ANNOTATION_TITLE,
  ARTIFACT_TYPE_SERVICE,
  type BtfIndex,
  canonicalJsonBytes,
  compatibleConfig,
  imageLayerType,
  MEDIA_TYPE_BTF_INDEX,
  MEDIA_TYPE_IMAGE_CONFIG,
  MEDIA_TYPE_VARIANT_GZIP,
  parseBtfIndex,
  tarSingleFile,
} from '@bpfship/media-types';
import { type Descriptor, digestOf, packManifest, pushBytes, type Target } from '@bpfship/oras-client';

const LAYER = Buffer.from('a layer that no catalogue reads');

/** A well-formed BTF index. */
export function indexOf(more: Partial<BtfIndex> = {}): BtfIndex {
  return parseBtfIndex({
    schemaVersion: 1,
    mediaType: MEDIA_TYPE_BTF_INDEX,
    name: 'exec-watch',
    version: '1.0.0',
    variants: [
      {
        name: 'ringbuf',
        layer: digestOf(LAYER),
        platform: { byteOrder: 'little' },
        object: { path: 'ringbuf.bpf.o', digest: digestOf(LAYER), size: LAYER.length },
        license: 'GPL',
        programs: [
          {
            name: 'watch',
            section: 'raw_tp/sched_process_exec',
            type: 'raw_tracepoint',
            hook: 'raw-tracepoint',
            target: 'sched_process_exec',
          },
        ],
        maps: [{ name: 'events', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 4096, flags: 0 }],
        requirements: [
          { kind: 'helper', value: 'bpf_ringbuf_output', programType: 'raw_tracepoint', programs: ['watch'] },
        ],
      },
    ],
    ...more,
  });
}

/** Pushes a package and tags it with its version. */
export async function pushPackage(target: Target, more: Partial<BtfIndex>): Promise<Descriptor> {
  const index = indexOf(more);
  const config = await pushBytes(target, MEDIA_TYPE_BTF_INDEX, canonicalJsonBytes(index));
  const layer = await pushBytes(target, MEDIA_TYPE_VARIANT_GZIP, LAYER);
  const descriptor = await packManifest(target, {
    artifactType: ARTIFACT_TYPE_SERVICE,
    config,
    layers: [{ ...layer, annotations: { [ANNOTATION_TITLE]: 'ringbuf.tar.gz' } }],
  });
  await target.tag(descriptor, index.version);
  return descriptor;
}

/** As {@link pushPackage}, in the compatible form (spec/compatible-form.md). */
export async function pushCompatiblePackage(target: Target, more: Partial<BtfIndex>): Promise<Descriptor> {
  const index = indexOf(more);
  const config = await pushBytes(target, MEDIA_TYPE_IMAGE_CONFIG, compatibleConfig([]));
  const part = async (bytes: Uint8Array, mediaType: string, title: string): Promise<Descriptor> => ({
    ...(await pushBytes(target, imageLayerType(mediaType), bytes)),
    annotations: { [ANNOTATION_TITLE]: title, [ANNOTATION_MEDIA_TYPE]: mediaType },
  });
  const layers = [
    await part(tarSingleFile('btf-index.json', canonicalJsonBytes(index)), MEDIA_TYPE_BTF_INDEX, 'btf-index.tar'),
    await part(LAYER, MEDIA_TYPE_VARIANT_GZIP, 'ringbuf.tar.gz'),
  ];
  const annotations = { [ANNOTATION_ARTIFACT_TYPE]: ARTIFACT_TYPE_SERVICE };
  const descriptor = await packManifest(target, { config, layers, annotations });
  await target.tag(descriptor, index.version);
  return descriptor;
}
