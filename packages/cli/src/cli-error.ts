/** The user asked for something that the command line does not allow, or that this host cannot answer. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly code:
    | 'ERR_CLI_USAGE'
    | 'ERR_CLI_NO_VARIANT'
    | 'ERR_CLI_APPLY'
    | 'ERR_CLI_FILE'
    | 'ERR_CLI_NOT_FOUND'
    | 'ERR_CLI_BUILD_LOAD'
    | 'ERR_CLI_EVIDENCE'
    | 'ERR_CLI_FACTS';
  readonly hint: string;

  constructor(code: CliError['code'], message: string, hint: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}
