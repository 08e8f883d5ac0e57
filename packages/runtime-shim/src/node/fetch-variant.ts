import { MAX_VARIANT_LAYER_SIZE, type ServiceDescriptor, type Variant, variantLayer } from '@bpfship/media-types';
import { fetchBytes, OciError, type OciLayoutStore, type ReadOnlyTarget } from '@bpfship/oras-client';
import type { Verdict } from '@bpfship/portability';
import { readVariantLayer } from '../variant-layer/read-variant-layer.ts';
import { type PreparedPackage, variantOf } from './prepare.ts';
import { removeBlob } from './stored-package.ts';

/** A variant's object, ready to be loaded. */
export interface FetchedVariant {
  variant: Variant;
  object: Uint8Array;
  /** Bytes that came from the registry; 0 where the local store had the layer. */
  fetched: number;
}

/**
 * Fetches one variant's layer through the local store, and takes its object out. Every byte is held against its digest again, also those
 * of the local store.
 */
export async function fetchVariant(
  store: OciLayoutStore,
  { manifest, index }: Pick<PreparedPackage, 'manifest' | 'index'>,
  verdict: Verdict,
  { target, signal }: { target: ReadOnlyTarget; signal?: AbortSignal },
): Promise<FetchedVariant> {
  const variant = variantOf(index, verdict);
  const layer = variantLayer(manifest, variant);
  const stored = await readStored(store, layer);
  if (stored) return { variant, object: await readVariantLayer(stored, layer, variant), fetched: 0 };
  const bytes = await fetchBytes(target, layer, {
    maxBytes: MAX_VARIANT_LAYER_SIZE,
    ...(signal === undefined ? {} : { signal }),
  });
  const object = await readVariantLayer(bytes, layer, variant);
  await store.push(layer, bytes);
  return { variant, object, fetched: bytes.length };
}

/** The layer from the local store. Where its bytes have changed they are thrown away: the registry has them. */
async function readStored(store: OciLayoutStore, layer: ServiceDescriptor): Promise<Uint8Array | undefined> {
  if (!(await store.exists(layer))) return undefined;
  try {
    return await fetchBytes(store, layer, { maxBytes: MAX_VARIANT_LAYER_SIZE });
  } catch (error) {
    if (!(error instanceof OciError && error.code === 'ERR_OCI_DIGEST_MISMATCH')) throw error;
    await removeBlob(store, layer.digest);
    return undefined;
  }
}
