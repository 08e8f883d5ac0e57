/** One thing that was checked, in order. A check that was not made is not listed. */
export interface Check {
  /** e.g. `signature`, `subject-digest`. */
  readonly name: CheckName;
  readonly outcome: 'passed' | 'failed';
  /** The values that were compared. */
  readonly detail: string;
}

/** Names of checks. */
export type CheckName =
  | 'bundle-format'
  | 'signer-kind'
  | 'payload-type'
  | 'signature'
  | 'statement'
  | 'predicate-type'
  | 'subject-digest';

/** Who signed. More kinds (identities) will follow: look at `kind` first. */
export interface VerifiedSigner {
  readonly kind: 'key';
  /** Base64 of the SHA-256 of the public key's SPKI DER. */
  readonly hint: string;
}

/** Something that refers to the artifact and was looked at. */
export interface Candidate {
  /** Digest of the referring manifest. */
  readonly digest: string;
  /**
   * `accepted`: satisfies the policy. `refused`: a bundle that does not. `ignored`: no bundle, or about another artifact.
   * `unreadable`: could not be fetched.
   */
  readonly outcome: 'accepted' | 'refused' | 'ignored' | 'unreadable';
  /** Code of the error that refused it. */
  readonly code?: string;
  /** Why, in one sentence. */
  readonly reason: string;
  /** Key hint that the bundle states of itself; a claim. */
  readonly claimedHint?: string;
}

/** What a bundle that passed all checks says. */
export interface VerifiedBundle {
  readonly signer: VerifiedSigner;
  readonly checks: readonly Check[];
  /** The statement's subject that is the artifact. */
  readonly subject: { readonly name?: string; readonly annotations: Readonly<Record<string, string>> };
}
