/** Stable codes of {@link OciError}. */
export type OciErrorCode =
  | 'ERR_OCI_NOT_FOUND'
  | 'ERR_OCI_UNAUTHORIZED'
  | 'ERR_OCI_FORBIDDEN'
  | 'ERR_OCI_DIGEST_MISMATCH'
  | 'ERR_OCI_SIZE_MISMATCH'
  | 'ERR_OCI_SIZE_EXCEEDED'
  | 'ERR_OCI_INVALID_REFERENCE'
  | 'ERR_OCI_INVALID_DIGEST'
  | 'ERR_OCI_INVALID_MANIFEST'
  | 'ERR_OCI_INVALID_RESPONSE'
  | 'ERR_OCI_INVALID_LAYOUT'
  | 'ERR_OCI_INVALID_RANGE'
  | 'ERR_OCI_DENIED_PLAIN_HTTP'
  | 'ERR_OCI_REGISTRY'
  | 'ERR_OCI_UNREACHABLE'
  | 'ERR_OCI_TIMEOUT'
  | 'ERR_OCI_CREDENTIALS'
  | 'ERR_OCI_CERTIFICATE'
  | 'ERR_OCI_PROXY'
  | 'ERR_OCI_BLOCKED'
  | 'ERR_OCI_CONFIG'
  | 'ERR_OCI_UNSUPPORTED'
  | 'ERR_OCI_NO_SPACE'
  | 'ERR_OCI_STORAGE'
  | 'ERR_OCI_LIMIT'
  | 'ERR_OCI_READ_ONLY'
  | 'ERR_OCI_ALREADY_EXISTS'
  | 'ERR_OCI_UNSAFE_PATH'
  | 'ERR_OCI_ABORTED';

/** What an {@link OciError} knows besides its message. */
export interface OciErrorDetails {
  /** The registry, as host and port. */
  registry?: string;
  repository?: string;
  /** e.g. `GET manifest 1.0.0`. */
  operation?: string;
  /** HTTP status. */
  status?: number;
  /** The registry's own error code, e.g. `MANIFEST_UNKNOWN`. */
  registryCode?: string;
  /** The registry's own message. */
  registryMessage?: string;
  /** By which the registry's operator finds the request in the registry's log. */
  requestId?: string;
  /** Which side of a copy failed. */
  side?: 'source' | 'destination';
  /** The next step. */
  hint?: string;
  cause?: unknown;
}

/** Something went wrong with a registry, a layout or a reference. Secrets never appear in it. */
export class OciError extends Error {
  override readonly name: string = 'OciError';
  readonly code: OciErrorCode;
  readonly registry: string | undefined;
  readonly repository: string | undefined;
  readonly operation: string | undefined;
  readonly status: number | undefined;
  readonly registryCode: string | undefined;
  readonly registryMessage: string | undefined;
  readonly requestId: string | undefined;
  side: 'source' | 'destination' | undefined;
  readonly hint: string;

  constructor(code: OciErrorCode, message: string, details: OciErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.registry = details.registry;
    this.repository = details.repository;
    this.operation = details.operation;
    this.status = details.status;
    this.registryCode = details.registryCode;
    this.registryMessage = details.registryMessage;
    this.requestId = details.requestId;
    this.side = details.side;
    this.hint = details.hint ?? DEFAULT_HINTS[code] ?? '';
  }
}

const DEFAULT_HINTS: Partial<Record<OciErrorCode, string>> = {
  ERR_OCI_NOT_FOUND: 'Check the reference; "bpfship search" or the registry’s own page lists what is there.',
  ERR_OCI_UNAUTHORIZED: 'Log in with "bpfship login REGISTRY" (or docker login, podman login).',
  ERR_OCI_FORBIDDEN: 'The credentials are valid but lack the right; ask the owner of the repository.',
  ERR_OCI_DIGEST_MISMATCH:
    'The content was changed or damaged on its way. Try again; if it stays, the registry or a proxy serves wrong bytes.',
  ERR_OCI_SIZE_MISMATCH:
    'The content was cut or changed on its way. Try again; if it stays, the registry or a proxy serves wrong bytes.',
  ERR_OCI_INVALID_REFERENCE:
    'Write registry/repository:tag or registry/repository@digest, e.g. ghcr.io/acme/exec-watch:1.0.0.',
  ERR_OCI_UNREACHABLE: 'Check the registry’s name, the network, and the proxy settings.',
  ERR_OCI_DENIED_PLAIN_HTTP:
    'Use the registry’s HTTPS address; only for a registry that has none, and in a network that you trust, add --plain-http.',
  ERR_OCI_TIMEOUT: 'Try again; check the network and the registry’s health.',
  ERR_OCI_INVALID_RESPONSE: 'Check that this address is an OCI registry and not a web page or a proxy’s log-in form.',
  ERR_OCI_NO_SPACE: 'Free some disk space and try again; nothing was half stored.',
  ERR_OCI_REGISTRY: 'Try again later; if it stays, ask the registry’s operator.',
};

/** Whether an error says that the wanted thing is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof OciError && error.code === 'ERR_OCI_NOT_FOUND';
}

/** Turns a failed file operation into a typed error. */
export function storageError(error: unknown, what: string): OciError {
  if (error instanceof OciError) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new OciError('ERR_OCI_NO_SPACE', `no space left while ${what}`, { cause: error });
  return new OciError('ERR_OCI_STORAGE', `the file system failed while ${what}: ${code ?? String(error)}`, {
    cause: error,
    hint: 'Check that the folder exists and that you may write to it.',
  });
}

/** Throws the abort of a signal as a typed error. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new OciError('ERR_OCI_ABORTED', 'interrupted', { cause: signal.reason });
}
