/** Stable codes of {@link DocumentError}. */
export type DocumentErrorCode =
  | 'ERR_DOCUMENT_TOO_LARGE'
  | 'ERR_DOCUMENT_NOT_JSON'
  | 'ERR_DOCUMENT_INVALID'
  | 'ERR_MANIFEST_NOT_A_SERVICE'
  | 'ERR_MANIFEST_INCONSISTENT';

/** One broken rule of a document: where (a JSON path such as `variants[0].name`) and what. */
export interface DocumentIssue {
  readonly path: string;
  readonly message: string;
}

/** A document of the standard that does not keep the standard's rules. */
export class DocumentError extends Error {
  override readonly name: string = 'DocumentError';
  readonly code: DocumentErrorCode;
  /** What kind of document: `BTF index`, `package manifest`, … */
  readonly document: string;
  readonly issues: readonly DocumentIssue[];
  /** The next step for the reader of the message. */
  readonly hint: string;

  constructor(
    code: DocumentErrorCode,
    document: string,
    message: string,
    options: { issues?: readonly DocumentIssue[]; hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.document = document;
    this.issues = options.issues ?? [];
    this.hint =
      options.hint ?? 'Ask the publisher of the package to build it again with a tool that follows the standard.';
  }
}
