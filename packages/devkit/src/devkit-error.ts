/** Stable codes of {@link DevkitError}. */
export type DevkitErrorCode =
  | 'ERR_SUPPLEMENT_INVALID'
  /** The project file is missing, unreadable, or breaks a rule. */
  | 'ERR_PROJECT_INVALID'
  /** clang or llvm-strip is not installed, or cannot compile for BPF. */
  | 'ERR_COMPILER_MISSING'
  /** The headers of libbpf are not installed. */
  | 'ERR_HEADERS_MISSING'
  /** clang refused a source; `details` holds its lines. */
  | 'ERR_COMPILE_FAILED'
  /** What was compiled is no usable BPF object, or does not hold what the project file says. */
  | 'ERR_OBJECT_INVALID'
  /** The project was not built yet, or has changed since. */
  | 'ERR_BUILD_STALE'
  /** A file cannot be read or written. */
  | 'ERR_FILE'
  /** The folder to write a new project into is not empty. */
  | 'ERR_INIT_NOT_EMPTY';

/** What {@link DevkitError} carries besides code and message. */
export interface DevkitErrorDetails {
  /** The file concerned. */
  file?: string;
  /** Line in the file, from 1. */
  line?: number;
  /** Path in a document, e.g. `variants[0].name`. */
  path?: string;
  /** The next step, one runnable line where there is one. */
  hint: string;
  /** Output of a tool, as it came, bounded. */
  details?: string;
  cause?: unknown;
}

/** A project cannot be read, compiled or packed. */
export class DevkitError extends Error {
  override readonly name: string = 'DevkitError';
  readonly code: DevkitErrorCode;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly path: string | undefined;
  readonly hint: string;
  readonly details: string | undefined;

  constructor(code: DevkitErrorCode, message: string, details: DevkitErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.file = details.file;
    this.line = details.line;
    this.path = details.path;
    this.hint = details.hint;
    this.details = details.details;
  }
}

/** A {@link DevkitError} for a failed file operation. */
export function fileError(doing: string, file: string, cause: unknown): DevkitError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DevkitError('ERR_FILE', `${doing} ${file} failed: ${reason}`, {
    file,
    hint: `Check that the path exists and that you may use it: ls -ld ${file}`,
    cause,
  });
}
