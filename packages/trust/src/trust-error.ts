import type { Candidate, Check } from './verify/verification.ts';

/** Stable codes of {@link TrustError}. */
export type TrustErrorCode =
  /** Nothing that could be a signature refers to the artifact. */
  | 'ERR_TRUST_NO_SIGNATURE'
  /** Signatures were found, none satisfies the policy. */
  | 'ERR_TRUST_NO_MATCH'
  /** The policy allows nobody. */
  | 'ERR_TRUST_DENIED'
  | 'ERR_TRUST_POLICY_INVALID'
  | 'ERR_TRUST_KEY_INVALID'
  /** The file, variable or stream of a key cannot be read. */
  | 'ERR_TRUST_KEY_UNREADABLE'
  /** The password of a private key is missing or wrong. */
  | 'ERR_TRUST_PASSWORD'
  /** Not a Sigstore bundle in the strict form of spec/signature.md. */
  | 'ERR_TRUST_BUNDLE_INVALID'
  /** The bundle names another kind of signer than the policy asks for. */
  | 'ERR_TRUST_SIGNER_KIND'
  /** Signed by a key that is not trusted. */
  | 'ERR_TRUST_UNKNOWN_KEY'
  /** Says that it is by a trusted key, but the signature is not. */
  | 'ERR_TRUST_SIGNATURE_INVALID'
  /** Rightly signed, but not an in-toto statement as it has to be. */
  | 'ERR_TRUST_STATEMENT_INVALID'
  /** Rightly signed, but says something else than what was asked for. */
  | 'ERR_TRUST_PREDICATE_MISMATCH'
  /** Rightly signed, but for another artifact. */
  | 'ERR_TRUST_SUBJECT_MISMATCH'
  /** What was signed just now does not verify. */
  | 'ERR_TRUST_SIGNING';

/** What a {@link TrustError} knows besides its message. */
export interface TrustErrorDetails {
  /** Digest of the artifact, or name of the key, that it is about. */
  object?: string | undefined;
  /** Checks made up to the failure; the last one failed. */
  checks?: readonly Check[];
  /** What was found beside the artifact, and why each of it does not count. */
  candidates?: readonly Candidate[];
  /** The next step. */
  hint?: string;
  cause?: unknown;
}

/** Something is not to be trusted, or a key or policy cannot be used. Secrets never appear in it. */
export class TrustError extends Error {
  override readonly name: string = 'TrustError';
  readonly code: TrustErrorCode;
  readonly object: string | undefined;
  readonly checks: readonly Check[];
  readonly candidates: readonly Candidate[];
  readonly hint: string;

  constructor(code: TrustErrorCode, message: string, details: TrustErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.object = details.object;
    this.checks = details.checks ?? [];
    this.candidates = details.candidates ?? [];
    this.hint = details.hint ?? DEFAULT_HINTS[code] ?? '';
  }
}

const ASK_PUBLISHER = 'Do not use it. Ask its publisher to sign it again, and look at who can write to the registry.';

const DEFAULT_HINTS: Partial<Record<TrustErrorCode, string>> = {
  ERR_TRUST_NO_SIGNATURE:
    'Ask the publisher to sign it, or sign your own build: bpfship sign --key bpfship.key REFERENCE',
  ERR_TRUST_NO_MATCH: 'If you do trust one of these signers, name its public key: bpfship verify --key FILE REFERENCE',
  ERR_TRUST_DENIED: 'Name the public key of somebody you trust in the policy or with --key FILE.',
  ERR_TRUST_POLICY_INVALID: 'Write {"schemaVersion":1,"keys":["-----BEGIN PUBLIC KEY-----…"]}.',
  ERR_TRUST_KEY_INVALID: 'Make a key pair with: bpfship generate-key-pair',
  ERR_TRUST_KEY_UNREADABLE: 'Name a file, env://VARIABLE, or - for standard input.',
  ERR_TRUST_PASSWORD: 'Give the key’s password: BPFSHIP_PASSWORD="$(cat FILE)" bpfship sign …',
  ERR_TRUST_BUNDLE_INVALID: ASK_PUBLISHER,
  ERR_TRUST_SIGNER_KIND: 'The policy trusts keys only; ask the publisher for a signature by a key.',
  ERR_TRUST_UNKNOWN_KEY: 'If you do trust this signer, name its public key: bpfship verify --key FILE REFERENCE',
  ERR_TRUST_SIGNATURE_INVALID: ASK_PUBLISHER,
  ERR_TRUST_STATEMENT_INVALID: ASK_PUBLISHER,
  ERR_TRUST_PREDICATE_MISMATCH: 'This is a statement about the artifact, but no signature of it; look for another.',
  ERR_TRUST_SUBJECT_MISMATCH: ASK_PUBLISHER,
  ERR_TRUST_SIGNING: 'Check that the key’s public half belongs to it; nothing was pushed.',
};
