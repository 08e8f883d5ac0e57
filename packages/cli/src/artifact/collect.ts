import {
  type Descriptor,
  type FetchedReference,
  fetchManifest,
  isIndexManifest,
  isManifest,
  MEDIA_TYPE_EMPTY,
  OciError,
  parseManifest,
  type ReadOnlyTarget,
} from '@bpfship/oras-client';
import type { FileLayer } from './download.ts';
import { titleOf } from './titles.ts';

/** The annotation by which oras says that a layer is a folder, packed as tar and gzip. */
const ANNOTATION_UNPACK = 'io.deis.oras.content.unpack';

/** Manifests that one pull reads. */
const MAX_MANIFESTS = 1000;

/** What there is to download below a manifest. */
export interface CollectedLayers {
  files: FileLayer[];
  /** Layers without a title, which cannot be files. */
  untitled: Descriptor[];
}

/**
 * Lists the layers of a manifest; of an index those of all its manifests, and with `includeSubject` those of what it refers to. A layer that
 * several have under one title is listed once.
 *
 * @throws {OciError} `ERR_OCI_LIMIT` for more than 1000 manifests.
 */
export async function collectLayers(
  target: ReadOnlyTarget,
  root: FetchedReference,
  { includeSubject, signal }: { includeSubject: boolean; signal: AbortSignal },
): Promise<CollectedLayers> {
  const files = new Map<string, FileLayer>();
  const untitled = new Map<string, Descriptor>();
  const seen = new Set([root.descriptor.digest]);
  const queue: { descriptor: Descriptor; bytes?: Uint8Array }[] = [root];
  const enqueue = (descriptor: Descriptor): void => {
    if (seen.has(descriptor.digest)) return;
    seen.add(descriptor.digest);
    if (seen.size > MAX_MANIFESTS) {
      throw new OciError('ERR_OCI_LIMIT', `${root.descriptor.digest} leads to more than ${MAX_MANIFESTS} manifests`);
    }
    queue.push({ descriptor });
  };
  for (let at = 0; at < queue.length; at++) {
    const { descriptor, bytes } = queue[at] as (typeof queue)[number];
    const manifest = bytes
      ? parseManifest(bytes, descriptor)
      : (await fetchManifest(target, descriptor, { signal })).manifest;
    if (isIndexManifest(manifest)) manifest.manifests.filter(isManifest).forEach(enqueue);
    else {
      for (const layer of manifest.layers) {
        const title = fileTitle(layer);
        if (title !== undefined) files.set(`${title}\n${layer.digest}`, { descriptor: layer, title });
        else if (layer.mediaType !== MEDIA_TYPE_EMPTY) untitled.set(layer.digest, layer);
      }
    }
    if (includeSubject && manifest.subject) enqueue(manifest.subject);
  }
  return { files: [...files.values()], untitled: [...untitled.values()] };
}

/** A packed folder stays packed, and gets a name that says so. */
function fileTitle(layer: Descriptor): string | undefined {
  const title = titleOf(layer);
  return title !== undefined && layer.annotations?.[ANNOTATION_UNPACK] === 'true' ? `${title}.tar.gz` : title;
}
