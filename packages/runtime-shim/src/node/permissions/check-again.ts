import type { Variant } from '@bpfship/media-types';
import type { OciLayoutStore } from '@bpfship/oras-client';
import { type Policy, TrustError, verifyStoredBundle } from '@bpfship/trust';
import type { Generation } from '../state-schema.ts';
import { readStoredSignature } from '../stored-package.ts';
import { checkPermissions } from './check-permissions.ts';
import { permissionsOf } from './permissions-of.ts';

/** A generation that was let in before. */
export interface CheckedGeneration {
  store: OciLayoutStore;
  service: string;
  generation: Generation;
  variant: Variant;
  object: Uint8Array;
}

/**
 * Holds a stored generation against a policy as it is now, by the signature that was kept when it was installed: keys may have been taken out of the
 * policy, and what packages may do may be less.
 *
 * @throws {TrustError} `ERR_TRUST_NO_SIGNATURE`, `ERR_TRUST_NO_MATCH`, `ERR_TRUST_DENIED`; {ShimError} `ERR_SHIM_DENIED`.
 */
export async function checkAgain(
  { store, service, generation, variant, object }: CheckedGeneration,
  policy: Policy,
): Promise<void> {
  const { id, version, manifest } = generation;
  const bundle = await readStoredSignature(store, generation);
  if (!bundle) {
    throw new TrustError(
      'ERR_TRUST_NO_SIGNATURE',
      `generation ${id} of ${service} (${version}) was installed without one`,
      {
        object: manifest.digest,
        hint: 'Upgrade to a signed version, or go back without naming a key or policy.',
      },
    );
  }
  await verifyStoredBundle(bundle, manifest.digest, policy);
  if (policy.allow) checkPermissions(`${service} ${version}`, permissionsOf(object, variant), { allow: policy.allow });
}
