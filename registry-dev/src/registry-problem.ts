/** Error codes of the distribution specification ("Error Codes"). */
export type ProblemCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'RANGE_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAVAILABLE'
  | 'NO_SPACE';

const STATUS: Readonly<Record<ProblemCode, number>> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 413,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  RANGE_INVALID: 416,
  TOOMANYREQUESTS: 429,
  UNAVAILABLE: 503,
  NO_SPACE: 507,
};

/** A request that cannot be answered as asked; the server turns it into the specification's JSON. */
export class RegistryProblem extends Error {
  override readonly name: string = 'RegistryProblem';
  readonly code: ProblemCode;
  readonly status: number;
  readonly headers: Record<string, string>;

  /** What the answer says under `detail`, e.g. the digest that is missing. */
  readonly detail: string | undefined;

  constructor(code: ProblemCode, message: string, headers: Record<string, string> = {}, detail?: string) {
    super(message);
    this.code = code;
    this.status = STATUS[code];
    this.headers = headers;
    this.detail = detail;
  }
}
