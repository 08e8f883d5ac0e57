import { isCompatibleForm, PREDICATE_TYPE_SIGNATURE } from '@bpfship/media-types';
import {
  type Descriptor,
  fetchManifest,
  type GraphTarget,
  isManifest,
  packManifest,
  parseDigest,
  pushBytes,
} from '@bpfship/oras-client';
import { ANNOTATION_PREDICATE_TYPE } from '../artifact/find-candidates.ts';
import { tryCandidates } from '../artifact/try-candidates.ts';
import type { SigningKey } from '../keys/signing-key.ts';
import type { VerifiedBundle } from '../verify/verification.ts';
import { createSignatureBundle } from './create-bundle.ts';
import { compatibleParts, standardParts } from './signature-parts.ts';

/** What to sign, and how. */
export interface SignArtifactOptions {
  /** Where the artifact is; the signature is stored beside it. */
  target: GraphTarget;
  /** The manifest. */
  subject: Descriptor;
  key: SigningKey;
  /** Signed along, as by `cosign sign -a`. Default: none. */
  annotations?: Readonly<Record<string, string>> | undefined;
  /** Canonical name of the service, signed along as the subject's name. Default: none; the digest binds the BTF index, which has it. */
  serviceName?: string | undefined;
  /** Time of signing for the manifest's annotation `org.opencontainers.image.created`. Default: none, so that no clock is read. */
  created?: Date | undefined;
  signal?: AbortSignal | undefined;
}

/** A signature that is stored. */
export interface ArtifactSignature {
  /** The referring manifest. */
  readonly descriptor: Descriptor;
  /** True where an equal signature by the same key was there already; nothing was pushed. */
  readonly existing: boolean;
}

/**
 * Signs an artifact and attaches the signature as a referrer, as cosign 3 does. Signing again with the same key changes nothing.
 *
 * @throws {TrustError} `ERR_TRUST_SIGNING`.
 * @throws {OciError} where the registry fails.
 */
export async function signArtifact(options: SignArtifactOptions): Promise<ArtifactSignature> {
  const { target, subject, key, annotations = {}, serviceName, created, signal } = options;
  parseDigest(subject.digest);
  const existing = await findEqualSignature(options);
  if (existing) return { descriptor: existing, existing: true };

  const statement = { digest: subject.digest, name: serviceName, annotations };
  const bytes = await createSignatureBundle(statement, key, { signal });
  const form = (await isInCompatibleForm(target, subject, signal)) ? compatibleParts(bytes) : standardParts(bytes);
  const pushOptions = signal === undefined ? {} : { signal };
  for (const { mediaType, bytes: blob } of form.blobs) await pushBytes(target, mediaType, blob, pushOptions);
  const descriptor = await packManifest(target, {
    ...form.manifest,
    subject,
    annotations: {
      ...form.manifest.annotations,
      'dev.sigstore.bundle.content': 'dsse-envelope',
      [ANNOTATION_PREDICATE_TYPE]: PREDICATE_TYPE_SIGNATURE,
      ...(created === undefined ? {} : { 'org.opencontainers.image.created': created.toISOString() }),
    },
    ...pushOptions,
  });
  return { descriptor, existing: false };
}

/** A registry that took the artifact in the compatible form takes its signature only so (spec/compatible-form.md, "Signatures"). */
async function isInCompatibleForm(
  target: GraphTarget,
  subject: Descriptor,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (!isManifest(subject)) return false;
  const { manifest } = await fetchManifest(target, subject, { signal });
  return isCompatibleForm(manifest);
}

/** ECDSA signatures differ each time, so what is compared is the key and what was said. */
async function findEqualSignature(options: SignArtifactOptions): Promise<Descriptor | undefined> {
  const { target, subject, key, annotations = {}, serviceName, signal } = options;
  const saysTheSame = ({ subject: found }: VerifiedBundle): boolean =>
    found.name === serviceName && isEqual(found.annotations, annotations);
  const { match } = await tryCandidates({
    target,
    subject,
    keys: [key.publicKey],
    predicateType: PREDICATE_TYPE_SIGNATURE,
    accept: saysTheSame,
    signal,
  });
  return match?.descriptor;
}

function isEqual(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}
