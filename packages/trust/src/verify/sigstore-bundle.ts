import type { Bundle } from '@sigstore/bundle';

/** Bundle JSON as Sigstore's libraries hold it in memory. */
export async function readSigstoreBundle(json: object): Promise<Bundle> {
  const { bundleFromJSON } = await import('@sigstore/bundle');
  return bundleFromJSON(json);
}

/** A bundle of Sigstore's libraries as JSON. */
export async function writeSigstoreBundle(bundle: Bundle): Promise<unknown> {
  const { bundleToJSON } = await import('@sigstore/bundle');
  return bundleToJSON(bundle);
}
