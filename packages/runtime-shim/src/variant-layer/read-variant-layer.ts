import { Readable } from 'node:stream';
import {
  type ServiceDescriptor,
  MAX_VARIANT_FILES,
  MAX_VARIANT_UNPACKED_SIZE,
  type Variant,
} from '@bpfship/media-types';
import { verifyBytes } from '@bpfship/oras-client';
import { extract } from 'tar-stream';
import { checkEntry } from './archive-entry.ts';
import { decompressLayer } from './decompress-layer.ts';
import { VariantLayerError, type VariantLayerErrorCode } from './variant-layer-error.ts';

/** What the layer of a variant is checked against. */
export type LayerDescriptor = Pick<ServiceDescriptor, 'mediaType' | 'digest' | 'size'>;

/**
 * The ELF object in a variant layer (spec/artifact.md, "Layers"). Nothing is written anywhere; sizes are bounded before memory is
 * used; the layer and the object are held against the digests of manifest and BTF index.
 *
 * @param bytes - the layer as it came.
 * @param layer - its descriptor in the manifest.
 * @param variant - the variant in the BTF index.
 * @throws {VariantLayerError}
 */
export async function readVariantLayer(
  bytes: Uint8Array,
  layer: LayerDescriptor,
  variant: Variant,
): Promise<Uint8Array> {
  const fail = failFor(layer, variant);
  if (layer.digest !== variant.layer)
    throw fail('ERR_LAYER_DIGEST_MISMATCH', 'is not the layer that the BTF index names');
  try {
    verifyBytes(bytes, layer);
  } catch (cause) {
    throw fail('ERR_LAYER_DIGEST_MISMATCH', `has other bytes than its digest ${layer.digest} says`, cause);
  }
  const object = await findObject(await unpack(bytes, layer, fail), variant, fail);
  const { digest, size } = variant.object;
  try {
    verifyBytes(object, { mediaType: layer.mediaType, digest, size });
  } catch (cause) {
    throw fail('ERR_LAYER_OBJECT_MISMATCH', `holds another ${variant.object.path} than the BTF index describes`, cause);
  }
  return object;
}

type Fail = (code: VariantLayerErrorCode, what: string, cause?: unknown) => VariantLayerError;

function failFor({ digest }: LayerDescriptor, variant: Variant): Fail {
  return (code, what, cause) =>
    new VariantLayerError(code, `the layer of variant "${variant.name}" ${what}`, {
      variant: variant.name,
      layer: digest,
      hint:
        code === 'ERR_LAYER_DIGEST_MISMATCH'
          ? 'Fetch it again; if that does not help, the registry or a proxy changes content.'
          : 'Ask the publisher of the package to build and pack it again.',
      cause,
    });
}

async function unpack(bytes: Uint8Array, { mediaType }: LayerDescriptor, fail: Fail): Promise<Uint8Array> {
  try {
    return await decompressLayer(bytes, mediaType, MAX_VARIANT_UNPACKED_SIZE);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw fail('ERR_LAYER_TOO_LARGE', `is larger than ${MAX_VARIANT_UNPACKED_SIZE} bytes when unpacked`, cause);
    }
    throw fail('ERR_LAYER_MALFORMED', `cannot be decompressed as ${mediaType}`, cause);
  }
}

/** Every entry is checked, also those that are not wanted: a layer with one bad entry is a bad layer. */
async function findObject(archive: Uint8Array, variant: Variant, fail: Fail): Promise<Uint8Array> {
  const files = new Set<string>();
  let object: Uint8Array | undefined;
  try {
    for await (const entry of Readable.from([archive], { objectMode: false }).pipe(extract())) {
      if (files.size >= MAX_VARIANT_FILES) {
        throw fail('ERR_LAYER_TOO_LARGE', `holds more than ${MAX_VARIANT_FILES} files`);
      }
      const path = checkEntry(entry.header);
      if (files.has(path)) throw new Error(`${path} stands twice`);
      files.add(path);
      const chunks: Uint8Array[] = [];
      for await (const chunk of entry) {
        if (path === variant.object.path) chunks.push(chunk as Uint8Array);
      }
      if (path === variant.object.path) object = Buffer.concat(chunks);
    }
  } catch (cause) {
    if (cause instanceof VariantLayerError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw fail('ERR_LAYER_MALFORMED', `is no usable tar archive: ${reason}`, cause);
  }
  if (object === undefined) throw fail('ERR_LAYER_OBJECT_MISSING', `does not hold ${variant.object.path}`);
  return object;
}
