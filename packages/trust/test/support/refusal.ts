import { verifyBundle } from '../../src/verify/index.ts';
import type { PublicKey } from '../../src/verify/index.ts';
import { bytesOf, DIGEST, type LooseBundle, SIGNATURE } from './bundles.ts';

/** Verifies something as a signature of {@link DIGEST}: the error, or `accepted`. */
export async function refusalOf(
  bundle: LooseBundle | string | Uint8Array,
  keys: readonly PublicKey[],
): Promise<unknown> {
  const bytes = bundle instanceof Uint8Array ? bundle : bytesOf(bundle);
  return verifyBundle(bytes, { subjectDigest: DIGEST, keys, predicateType: SIGNATURE }).then(
    () => 'accepted',
    (error: unknown) => error,
  );
}
