import {
  ARTIFACT_TYPE_EVIDENCE,
  type Evidence,
  MAX_EVIDENCE_DOCUMENTS,
  MAX_EVIDENCE_SIZE,
  MAX_MANIFEST_SIZE,
  MEDIA_TYPE_OCI_MANIFEST,
  parseEvidence,
  parseEvidenceManifest,
} from '@bpfship/media-types';
import { type Descriptor, fetchBytes, type GraphSource, OciError, type ReadOnlyTarget } from '@bpfship/oras-client';
import { type Policy, TrustError, verifyArtifact } from '@bpfship/trust';

/** Referrers of a package that are read to find its evidence. */
const MAX_ENTRIES = 10_000;
/** Errors that are about one document; every other one is about the registry. */
const DOCUMENT_ERRORS: ReadonlySet<string> = new Set([
  'ERR_OCI_NOT_FOUND',
  'ERR_OCI_DIGEST_MISMATCH',
  'ERR_OCI_SIZE_MISMATCH',
  'ERR_OCI_SIZE_EXCEEDED',
]);

/** Where to look, and whom to believe. */
export interface FindEvidenceOptions {
  target: ReadOnlyTarget & GraphSource;
  /** The package. */
  subject: Descriptor;
  /** `evidenceKeys` says who may sign evidence. Default: nobody, and nothing is asked for. */
  policy?: Policy | undefined;
  signal?: AbortSignal | undefined;
}

/** What was found, and what was left out and why. */
export interface EvidenceSearch {
  evidence: Evidence[];
  warnings: string[];
}

/**
 * Looks among the referrers of a package for evidence (spec/evidence.md, "Discovery"): one request for the list, and none where the policy names
 * nobody in the role. What is not signed in its role, or breaks the standard, is left out with a warning.
 *
 * @throws {OciError} where the registry fails.
 */
export async function findEvidence({ target, subject, policy, signal }: FindEvidenceOptions): Promise<EvidenceSearch> {
  const keys = policy?.evidenceKeys ?? [];
  if (keys.length === 0) return { evidence: [], warnings: [] };
  const entries = await listEvidence(target, subject, signal);
  const found: EvidenceSearch = { evidence: [], warnings: [] };
  if (entries.length > MAX_EVIDENCE_DOCUMENTS) {
    found.warnings.push(
      `the package has ${entries.length} evidence documents; ${MAX_EVIDENCE_DOCUMENTS} were looked at`,
    );
  }
  for (const entry of entries.slice(0, MAX_EVIDENCE_DOCUMENTS)) {
    try {
      await verifyArtifact({ target, subject: entry, policy: { keys }, signal });
      found.evidence.push(await readEvidence(target, entry, subject, signal));
    } catch (error) {
      if (!isAboutDocument(error)) throw error;
      found.warnings.push(`evidence ${entry.digest} was left out: ${(error as Error).message}`);
    }
  }
  return found;
}

/** In the order of their digests, whatever the registry's order is. */
async function listEvidence(
  target: GraphSource,
  subject: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Descriptor[]> {
  const entries = new Map<string, Descriptor>();
  let read = 0;
  for await (const entry of target.predecessors(subject, { artifactType: ARTIFACT_TYPE_EVIDENCE, signal })) {
    if (++read > MAX_ENTRIES) break;
    if (entry.mediaType === MEDIA_TYPE_OCI_MANIFEST) entries.set(entry.digest, entry);
  }
  return [...entries.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

async function readEvidence(
  target: ReadOnlyTarget,
  entry: Descriptor,
  subject: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Evidence> {
  const manifest = parseEvidenceManifest(await fetchBytes(target, entry, { maxBytes: MAX_MANIFEST_SIZE, signal }));
  if (manifest.subject.digest !== subject.digest) {
    throw new TrustError('ERR_TRUST_NO_MATCH', 'it belongs to another package', { object: entry.digest });
  }
  return parseEvidence(await fetchBytes(target, manifest.config, { maxBytes: MAX_EVIDENCE_SIZE, signal }));
}

function isAboutDocument(error: unknown): boolean {
  if (error instanceof TrustError) return true;
  if (error instanceof OciError) return DOCUMENT_ERRORS.has(error.code);
  return error instanceof Error && error.name === 'DocumentError';
}
