/** Stable codes of {@link PortabilityError}. */
export type PortabilityErrorCode = 'ERR_KERNEL_BTF_INVALID' | 'ERR_FACTS_PACKED_INVALID' | 'ERR_PARAMETER_INVALID';

/** An input that no verdict can be drawn from. An index that breaks the standard is a `DocumentError` instead. */
export class PortabilityError extends Error {
  override readonly name: string = 'PortabilityError';
  readonly code: PortabilityErrorCode;
  /** The next step for the reader of the message. */
  readonly hint: string;

  constructor(code: PortabilityErrorCode, message: string, options: { hint: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
