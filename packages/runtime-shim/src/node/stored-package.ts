import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BtfIndex,
  indexBlob,
  MAX_INDEX_BLOB_SIZE,
  MAX_MINIMAL_BTF_SIZE,
  MAX_SIGNATURE_BUNDLE_SIZE,
  MAX_VARIANT_LAYER_SIZE,
  MEDIA_TYPE_MINIMAL_BTF,
  MEDIA_TYPE_OCI_MANIFEST,
  MEDIA_TYPE_SIGSTORE_BUNDLE,
  parseIndexBlob,
  parseServiceManifest,
  type ServiceManifest,
  type Variant,
  variantLayer,
} from '@bpfship/media-types';
import { fetchBytes, type OciLayoutStore } from '@bpfship/oras-client';
import { readVariantLayer } from '../variant-layer/read-variant-layer.ts';
import { ShimError } from '../shim-error.ts';
import type { PreparedPackage } from './prepare.ts';
import type { Generation } from './state-schema.ts';

/**
 * Keeps manifest and BTF index of a package in the local store, so that a rollback needs no network. When this returns, the whole package
 * outlasts a power cut: the state that names it may be written.
 */
export async function storePackage(
  store: OciLayoutStore,
  { descriptor, manifest, manifestBytes, indexBytes, supplement, signature }: PreparedPackage,
): Promise<void> {
  if (supplement) {
    const { digest, size, bytes } = supplement;
    await store.push({ mediaType: MEDIA_TYPE_MINIMAL_BTF, digest, size }, bytes);
  }
  if (signature) {
    const { digest, bytes } = signature;
    await store.push({ mediaType: MEDIA_TYPE_SIGSTORE_BUNDLE, digest, size: bytes.length }, bytes);
  }
  await store.push(indexBlob(manifest), indexBytes);
  await store.push(
    { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size },
    manifestBytes,
  );
  await store.sync();
}

/**
 * A generation's package from the local store; every byte is verified again.
 *
 * @throws {ShimError} `ERR_SHIM_STATE_CORRUPT` where the store has lost or changed it.
 */
export async function readStoredPackage(
  store: OciLayoutStore,
  generation: Generation,
): Promise<{ manifest: ServiceManifest; index: BtfIndex; variant: Variant }> {
  const { id, version } = generation;
  return withStore(store, `the package of generation ${id} (${version})`, async () => {
    const descriptor = { mediaType: MEDIA_TYPE_OCI_MANIFEST, ...generation.manifest };
    const manifest = parseServiceManifest(await fetchBytes(store, descriptor));
    const blob = await fetchBytes(store, indexBlob(manifest), { maxBytes: MAX_INDEX_BLOB_SIZE });
    const index = parseIndexBlob(manifest, blob);
    const variant = index.variants.find(
      ({ name, layer, platform }) =>
        name === generation.variant && layer === generation.layer && platform.architecture === generation.architecture,
    );
    if (variant) return { manifest, index, variant };
    throw new TypeError(`it has no variant "${generation.variant}" with the layer ${generation.layer}`);
  });
}

/** The object of a generation from the local store. @throws {ShimError} `ERR_SHIM_STATE_CORRUPT`. */
export async function readStoredObject(
  store: OciLayoutStore,
  manifest: ServiceManifest,
  variant: Variant,
): Promise<Uint8Array> {
  return withStore(store, `the layer of variant "${variant.name}"`, async () => {
    const layer = variantLayer(manifest, variant);
    return readVariantLayer(await fetchBytes(store, layer, { maxBytes: MAX_VARIANT_LAYER_SIZE }), layer, variant);
  });
}

/** The minimal BTF of a generation from the local store; undefined where it was loaded without. @throws {ShimError} `ERR_SHIM_STATE_CORRUPT`. */
export async function readStoredSupplement(
  store: OciLayoutStore,
  { id, supplement }: Generation,
): Promise<Uint8Array | undefined> {
  if (supplement === undefined) return undefined;
  return withStore(store, `the BTF of generation ${id}`, () =>
    fetchBytes(store, { mediaType: MEDIA_TYPE_MINIMAL_BTF, ...supplement }, { maxBytes: MAX_MINIMAL_BTF_SIZE }),
  );
}

/** The signature's bundle of a generation from the local store; undefined where it was installed without. @throws {ShimError} `ERR_SHIM_STATE_CORRUPT`. */
export async function readStoredSignature(
  store: OciLayoutStore,
  { id, signature }: Generation,
): Promise<Uint8Array | undefined> {
  if (signature === undefined) return undefined;
  return withStore(store, `the signature of generation ${id}`, () =>
    fetchBytes(store, { mediaType: MEDIA_TYPE_SIGSTORE_BUNDLE, ...signature }, { maxBytes: MAX_SIGNATURE_BUNDLE_SIZE }),
  );
}

/** Removes a blob from the local store; nothing where it is not there. */
export async function removeBlob(store: OciLayoutStore, digest: string): Promise<void> {
  await rm(blobPath(store, digest), { force: true });
}

/** Where a blob of the local store is, if it is there (OCI image layout, "blobs"). */
export function blobPath(store: OciLayoutStore, digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':');
  return join(store.path, 'blobs', algorithm, hex);
}

async function withStore<T>({ path }: OciLayoutStore, what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new ShimError('ERR_SHIM_STATE_CORRUPT', `the local store ${path} has not ${what} as it was installed`, {
      hint: 'Uninstall the service and install it again; what runs in the kernel goes on until then.',
      ...(cause instanceof Error ? { details: `  ${cause.message}` } : {}),
      cause,
    });
  }
}
