import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { loadPublicKey, type PublicKey } from '../../src/index.ts';

/** The predicate type of signatures. */
export const SIGNATURE = 'https://sigstore.dev/cosign/sign/v1';
/** Digests of two artifacts. */
export const DIGEST = `sha256:${'a1'.repeat(32)}`;
/** Of another artifact. */
export const OTHER_DIGEST = `sha256:${'b2'.repeat(32)}`;

/** A key pair, made without the code under test. */
export interface TestKey {
  privateKey: KeyObject;
  publicKey: PublicKey;
}

/** Makes a key pair. */
export function makeKey(type: 'P-256' | 'P-384' | 'ed25519' | 'rsa' = 'P-256'): TestKey {
  const { privateKey, publicKey } =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 3072 })
      : type === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: type });
  return { privateKey, publicKey: loadPublicKey(publicKey.export({ format: 'pem', type: 'spki' }).toString()) };
}

/** A statement as cosign writes it, with changes. */
export function statement(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { sha256: DIGEST.slice('sha256:'.length) }, annotations: {} }],
    predicateType: SIGNATURE,
    predicate: {},
    ...changes,
  };
}

/** A bundle as JSON; tests take it apart. */
// oxlint-disable-next-line typescript/no-explicit-any -- hostile changes to any part are the point
export type LooseBundle = Record<string, any>;

/** DSSE pre-authentication encoding (DSSE protocol.md), written from the specification. */
export function preAuthEncoding(type: string, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload]);
}

/** Signs a payload and puts it into a bundle, without the code under test. */
export function makeBundle(
  key: TestKey,
  payload: Record<string, unknown> | Uint8Array = statement(),
  options: { payloadType?: string; hash?: string } = {},
): LooseBundle {
  const { payloadType = 'application/vnd.in-toto+json' } = options;
  const bytes = payload instanceof Uint8Array ? Buffer.from(payload) : Buffer.from(JSON.stringify(payload));
  const hash = options.hash ?? (key.privateKey.asymmetricKeyType === 'ed25519' ? undefined : 'sha256');
  const sig = sign(hash, preAuthEncoding(payloadType, bytes), key.privateKey);
  const der = key.publicKey.keyObject.export({ format: 'der', type: 'spki' });
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: createHash('sha256').update(der).digest('base64') } },
    dsseEnvelope: { payload: bytes.toString('base64'), payloadType, signatures: [{ sig: sig.toString('base64') }] },
  };
}

/** A bundle's bytes. */
export function bytesOf(bundle: LooseBundle | string): Uint8Array {
  return new TextEncoder().encode(typeof bundle === 'string' ? bundle : JSON.stringify(bundle));
}

/** The signature's bytes, changed. */
export function withSignature(bundle: LooseBundle, change: (signature: Buffer) => Buffer): LooseBundle {
  const copy = structuredClone(bundle);
  const [signature] = copy['dsseEnvelope'].signatures;
  signature.sig = change(Buffer.from(signature.sig, 'base64')).toString('base64');
  return copy;
}
