import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { MEDIA_TYPE_VARIANT_GZIP, MEDIA_TYPE_VARIANT_ZSTD } from '@bpfship/media-types';

const DECOMPRESSORS: Record<string, (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>> =
  {
    [MEDIA_TYPE_VARIANT_GZIP]: promisify(gunzip),
    [MEDIA_TYPE_VARIANT_ZSTD]: promisify(zstdDecompress),
  };

/**
 * Decompresses a layer by its media type.
 *
 * @throws {RangeError} (`ERR_BUFFER_TOO_LARGE`) where it would become larger than `limit`; {TypeError} for another media type; and the
 * errors of zlib.
 */
export async function decompressLayer(bytes: Uint8Array, mediaType: string, limit: number): Promise<Uint8Array> {
  const decompress = DECOMPRESSORS[mediaType];
  if (!decompress) throw new TypeError(`${mediaType} is not the media type of a variant layer`);
  return await decompress(bytes, { maxOutputLength: limit });
}
