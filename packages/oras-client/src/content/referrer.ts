import { type Descriptor, type ImageIndex, type Manifest, MEDIA_TYPE_INDEX } from '../descriptor.ts';
import { OciError } from '../errors.ts';
import { artifactTypeOf, isIndexManifest, parseManifest } from './manifest.ts';

/** The descriptor by which a manifest with a subject is listed (distribution-spec, "Listing Referrers"). */
export function referrerDescriptor(
  { mediaType, digest, size }: Descriptor,
  manifest: Manifest | ImageIndex,
): Descriptor {
  const artifactType = artifactTypeOf(manifest);
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(manifest.annotations === undefined ? {} : { annotations: manifest.annotations }),
  };
}

/** Parses a list of referrers, which is an index. @throws {OciError} `ERR_OCI_INVALID_RESPONSE`. */
export function parseReferrers(bytes: Uint8Array, registry: string): Descriptor[] {
  try {
    const list = parseManifest(bytes, { digest: 'of the list of referrers', mediaType: MEDIA_TYPE_INDEX });
    if (isIndexManifest(list)) return list.manifests;
  } catch (cause) {
    throw invalid(registry, cause);
  }
  throw invalid(registry);
}

function invalid(registry: string, cause?: unknown): OciError {
  const message = `${registry} answered the list of referrers with something else`;
  return new OciError('ERR_OCI_INVALID_RESPONSE', message, { registry, cause });
}
