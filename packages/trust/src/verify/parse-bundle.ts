import { MAX_SIGNATURE_BUNDLE_SIZE, MEDIA_TYPE_SIGSTORE_BUNDLE } from '@bpfship/media-types';
import { TrustError } from '../trust-error.ts';
import { decodeBase64 } from './base64.ts';
import { parseStrictJson } from './strict-json.ts';

/** A bundle whose form was checked; nothing in it is believed yet. */
export interface ParsedBundle {
  /** Who says to have signed. */
  readonly signer: { readonly kind: 'key'; readonly hint: string } | { readonly kind: 'certificate' };
  readonly payloadType: string;
  readonly payload: Buffer;
  readonly signature: Buffer;
}

/** Media types of version 0.3 (protobuf-specs sigstore_bundle.proto); the second is how it was written before it was final. */
const BUNDLE_MEDIA_TYPES: readonly unknown[] = [
  MEDIA_TYPE_SIGSTORE_BUNDLE,
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
];
/** Bytes of a signature: RSA with 8192 bits. */
const MAX_SIGNATURE_SIZE = 1024;
/** Entries of lists that are not looked into (sigstore-go's bound). */
const MAX_LOG_ENTRIES = 32;
/** Printable ASCII: a hint reaches messages before anything about the bundle is known. */
const HINT = /^[\x20-\x7e]{0,256}$/;

/**
 * Reads a Sigstore bundle, version 0.3, with a DSSE envelope, strictly: exactly the members of the format, each of its form, exactly one
 * signature, exactly one kind of signer.
 *
 * @throws {TrustError} `ERR_TRUST_BUNDLE_INVALID`.
 */
export function parseBundle(bytes: Uint8Array): ParsedBundle {
  if (bytes.length > MAX_SIGNATURE_BUNDLE_SIZE) {
    throw invalid(`has ${bytes.length} bytes; at most ${MAX_SIGNATURE_BUNDLE_SIZE} are read`);
  }
  let value: unknown;
  try {
    value = parseStrictJson(bytes);
  } catch (cause) {
    throw invalid(`is not JSON: ${(cause as Error).message.slice(0, 128)}`, cause);
  }
  const bundle = objectAt(value, 'the bundle', [
    'mediaType',
    'verificationMaterial',
    'dsseEnvelope',
    'messageSignature',
  ]);
  if (!BUNDLE_MEDIA_TYPES.includes(bundle['mediaType'])) {
    throw invalid(`has the media type ${quote(bundle['mediaType'])}; version 0.3 is known`);
  }
  if (bundle['messageSignature'] !== undefined) throw invalid('signs bytes and not a statement');
  return { signer: readSigner(bundle['verificationMaterial']), ...readEnvelope(bundle['dsseEnvelope']) };
}

function readSigner(value: unknown): ParsedBundle['signer'] {
  const material = objectAt(value, 'verificationMaterial', [
    'publicKey',
    'certificate',
    'x509CertificateChain',
    'tlogEntries',
    'timestampVerificationData',
  ]);
  const { tlogEntries, timestampVerificationData } = material;
  if (tlogEntries !== undefined && !(Array.isArray(tlogEntries) && tlogEntries.length <= MAX_LOG_ENTRIES)) {
    throw invalid('has log entries that are no list, or too many');
  }
  if (timestampVerificationData !== undefined) {
    objectAt(timestampVerificationData, 'timestampVerificationData', ['rfc3161Timestamps']);
  }
  const kinds = ['publicKey', 'certificate', 'x509CertificateChain'].filter((kind) => material[kind] !== undefined);
  if (kinds.length !== 1) throw invalid(`names ${kinds.length} kinds of signer instead of one`);
  if (kinds[0] !== 'publicKey') {
    objectAt(material[kinds[0] ?? ''], kinds[0] ?? '', ['rawBytes', 'certificates']);
    return { kind: 'certificate' };
  }
  const { hint = '' } = objectAt(material['publicKey'], 'publicKey', ['hint']);
  if (typeof hint !== 'string' || !HINT.test(hint)) throw invalid('has a key hint that is not short printable text');
  return { kind: 'key', hint };
}

function readEnvelope(value: unknown): Pick<ParsedBundle, 'payload' | 'payloadType' | 'signature'> {
  const { payload, payloadType, signatures } = objectAt(value, 'dsseEnvelope', [
    'payload',
    'payloadType',
    'signatures',
  ]);
  if (typeof payloadType !== 'string' || payloadType.length > 256) throw invalid('has no payload type');
  const bytes = decodeBase64(payload);
  if (!bytes) throw invalid('has no payload in canonical base64');
  if (!Array.isArray(signatures) || signatures.length !== 1) {
    throw invalid(
      `has ${Array.isArray(signatures) ? signatures.length : 'no list of'} signatures; exactly one is expected`,
    );
  }
  const { sig, keyid = '' } = objectAt(signatures[0], 'the signature', ['sig', 'keyid']);
  // The key id is not signed (DSSE protocol.md): its form is checked, its value never used.
  if (typeof keyid !== 'string' || keyid.length > 1024) throw invalid('has a key id that is not a short text');
  const signature = decodeBase64(sig);
  if (!signature) throw invalid('has no signature in canonical base64');
  if (signature.length > MAX_SIGNATURE_SIZE) throw invalid(`has a signature of ${signature.length} bytes`);
  return { payload: bytes, payloadType, signature };
}

function objectAt(value: unknown, where: string, members: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(where === 'the bundle' ? 'is not a JSON object' : `has no object ${where}`);
  }
  const unknown = Object.keys(value).find((member) => !members.includes(member));
  if (unknown !== undefined) throw invalid(`has an unknown member ${quote(unknown)} in ${where}`);
  return value as Record<string, unknown>;
}

function quote(value: unknown): string {
  return (JSON.stringify(value) ?? 'undefined').slice(0, 96);
}

function invalid(why: string, cause?: unknown): TrustError {
  return new TrustError('ERR_TRUST_BUNDLE_INVALID', `the signature bundle ${why}`, { cause });
}
