import { ARTIFACT_TYPE_EVIDENCE, canonicalJsonBytes, type Evidence, MEDIA_TYPE_EVIDENCE } from '@bpfship/media-types';
import { type Descriptor, packManifest, pushBytes, type Target } from '@bpfship/oras-client';

/** What to attach, and to what. */
export interface PackEvidenceOptions {
  target: Target;
  /** The package. */
  subject: Descriptor;
  evidence: Evidence;
  signal?: AbortSignal | undefined;
}

/**
 * Attaches evidence to a package as a referrer (spec/evidence.md, "Artifact"). The package and its signature stay as they are; the same evidence gives
 * the same digest. It is believed only where it is signed in its role: `signArtifact` with the returned descriptor.
 */
export async function packEvidence({ target, subject, evidence, signal }: PackEvidenceOptions): Promise<Descriptor> {
  const options = signal === undefined ? {} : { signal };
  const config = await pushBytes(target, MEDIA_TYPE_EVIDENCE, canonicalJsonBytes(evidence), options);
  return packManifest(target, { artifactType: ARTIFACT_TYPE_EVIDENCE, config, layers: [], subject, ...options });
}
