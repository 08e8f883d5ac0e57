/** One row of the exit code table, which `bpfship help exit-codes` and docs/cli/exit-codes.md print. */
export interface ExitCode {
  readonly status: number;
  readonly meaning: string;
  /** Error codes of our packages that end the program with this status. */
  readonly errors: readonly string[];
}

/** Every exit status of `bpfship`. 10 and 12 are cosign's, 4 is gh's, 130 is the shell's for SIGINT. */
export const EXIT_CODES: readonly ExitCode[] = [
  { status: 0, meaning: 'success', errors: [] },
  { status: 1, meaning: 'failure', errors: [] },
  {
    status: 2,
    meaning: 'wrong usage: an unknown command, option or argument, or a malformed reference',
    errors: [
      'ERR_CLI_USAGE',
      'ERR_OCI_INVALID_REFERENCE',
      'ERR_PARAMETER_INVALID',
      'ERR_SHIM_PARAMETER',
      'ERR_SHIM_VALUES',
    ],
  },
  { status: 4, meaning: 'the registry wants other credentials', errors: ['ERR_OCI_UNAUTHORIZED', 'ERR_OCI_FORBIDDEN'] },
  { status: 10, meaning: 'the package has no signature', errors: ['ERR_TRUST_NO_SIGNATURE'] },
  { status: 12, meaning: 'no signature matches the key or identity', errors: ['ERR_TRUST_NO_MATCH'] },
  { status: 14, meaning: 'the policy denies it', errors: ['ERR_TRUST_DENIED', 'ERR_SHIM_DENIED'] },
  {
    status: 20,
    meaning: 'this kernel cannot run it: no variant fits',
    errors: ['ERR_SHIM_NO_VARIANT', 'ERR_SHIM_NOT_PREFETCHED', 'ERR_CLI_NO_VARIANT'],
  },
  { status: 21, meaning: 'a privilege is missing', errors: ['ERR_SHIM_PRIVILEGE', 'ERR_KERNEL_PRIVILEGE'] },
  {
    status: 22,
    meaning: 'the new generation failed its health gate; the message says what runs now',
    errors: ['ERR_SHIM_UNHEALTHY'],
  },
  { status: 130, meaning: 'interrupted', errors: ['ERR_OCI_ABORTED', 'ABORT_ERR'] },
];

/** The exit status for an error, by its `code`. */
export function exitStatusOf(error: unknown): number {
  const code = errorCode(error);
  return EXIT_CODES.find(({ errors }) => code !== undefined && errors.includes(code))?.status ?? 1;
}

/** The stable string code of an error, where it has one. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'AbortError') return 'ABORT_ERR';
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
