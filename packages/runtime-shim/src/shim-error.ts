import { explainSelection, type Selection } from '@bpfship/portability';
import { KernelError } from './kernel/kernel-error.ts';

/** Stable codes of {@link ShimError}. */
export type ShimErrorCode =
  | 'ERR_SHIM_SUPPLEMENT'
  | 'ERR_SHIM_DAEMON_RUNS'
  | 'ERR_SHIM_DAEMON'
  | 'ERR_SHIM_REQUEST'
  | 'ERR_SHIM_DESIRED'
  | 'ERR_SHIM_NO_VERSION'
  | 'ERR_SHIM_NO_VARIANT'
  | 'ERR_SHIM_NOT_PREFETCHED'
  | 'ERR_SHIM_UNKNOWN_VARIANT'
  | 'ERR_SHIM_PRIVILEGE'
  | 'ERR_SHIM_NOT_INSTALLED'
  | 'ERR_SHIM_ALREADY_INSTALLED'
  | 'ERR_SHIM_WRONG_SERVICE'
  | 'ERR_SHIM_NO_GENERATION'
  | 'ERR_SHIM_STATE_CORRUPT'
  | 'ERR_SHIM_STATE'
  | 'ERR_SHIM_LOCKED'
  | 'ERR_SHIM_BPFFS'
  | 'ERR_SHIM_ATTACH_TARGET'
  | 'ERR_SHIM_STOPPED'
  | 'ERR_SHIM_SWITCHING'
  | 'ERR_SHIM_MAP_INCOMPATIBLE'
  | 'ERR_SHIM_PARAMETER'
  | 'ERR_SHIM_VALUES'
  | 'ERR_SHIM_DENIED'
  | 'ERR_SHIM_UNHEALTHY'
  | 'ERR_SHIM_NO_SPACE'
  | 'ERR_SHIM_NO_EVENTS'
  | 'ERR_SHIM_NO_ITERATOR'
  | 'ERR_SHIM_NO_MAP'
  | 'ERR_SHIM_METRICS_PUSH'
  | 'ERR_SHIM_PINS_MISSING';

/** The node could not do what it was asked for; it is as it was before. */
export class ShimError extends Error {
  override readonly name: string = 'ShimError';
  readonly code: ShimErrorCode;
  /** The next step. */
  readonly hint: string;
  /** More lines for people. */
  readonly details: string | undefined;
  /** For `ERR_SHIM_NO_VARIANT`: every verdict. */
  readonly selection: Selection | undefined;

  constructor(
    code: ShimErrorCode,
    message: string,
    options: { hint: string; details?: string; selection?: Selection; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.selection = options.selection;
    this.details = options.details ?? (options.selection ? explainSelection(options.selection) : undefined);
  }
}

/** Whether an error is that of a file operation, which has no type of its own yet. */
export function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'errno' in error;
}

/** A failed file operation of the node's state as a typed error; the operation may be the kernel worker's. */
export function stateError(error: unknown, what: string): ShimError {
  if (error instanceof ShimError) return error;
  const code =
    error instanceof KernelError
      ? (error.errno ?? error.code)
      : ((error as NodeJS.ErrnoException | undefined)?.code ?? String(error));
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new ShimError('ERR_SHIM_NO_SPACE', `no space left while ${what}`, {
      hint: 'Free some disk space and try again.',
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new ShimError('ERR_SHIM_PRIVILEGE', `this user may not do it: ${what} (${code})`, {
      hint: 'Run it as root, or name a folder of your own with --state-dir.',
      cause: error,
    });
  }
  return new ShimError('ERR_SHIM_STATE', `the file system failed while ${what}: ${code}`, {
    hint: 'Check the folder and its file system.',
    cause: error,
  });
}
