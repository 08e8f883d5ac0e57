/** Stable codes of {@link HubError}. */
export type HubErrorCode = 'ERR_HUB_NOT_A_CATALOGUE';

/** Something is wrong with a catalogue. */
export class HubError extends Error {
  override readonly name: string = 'HubError';
  readonly code: HubErrorCode;
  /** The next step. */
  readonly hint: string;

  constructor(code: HubErrorCode, message: string, hint: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }
}
