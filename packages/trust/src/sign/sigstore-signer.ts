import type { SigningKey } from '../keys/signing-key.ts';
import { writeSigstoreBundle } from '../verify/sigstore-bundle.ts';

/**
 * Signs a payload in a DSSE envelope and gives a Sigstore bundle as JSON: the one place where Sigstore's signing library is used. Witnesses
 * (transparency logs, timestamps) and certificate signers will be further options of the same builder.
 */
export async function signEnvelope(
  payload: Uint8Array,
  payloadType: string,
  key: SigningKey,
  options: { signal?: AbortSignal | undefined },
): Promise<unknown> {
  // Loaded when first needed: it brings an HTTP client along, for services that a key pair does not need.
  const { DSSEBundleBuilder } = await import('@sigstore/sign');
  const { pem, hint } = key.publicKey;
  const builder = new DSSEBundleBuilder({
    signer: {
      sign: async (data) => ({
        signature: Buffer.from(await key.sign(data, options)),
        key: { $case: 'publicKey', publicKey: pem, hint },
      }),
    },
    witnesses: [],
  });
  return writeSigstoreBundle(await builder.create({ data: Buffer.from(payload), type: payloadType }));
}
