/** An error as plain data, for reports and for the socket. */
export interface ReportedError {
  code: string;
  message: string;
  /** The next step. */
  hint?: string;
  details?: string;
}

/** Longest text of a report; verifier logs are longer. */
const MAX_TEXT = 16_384;

/** What an error says. */
export function describeError(error: unknown): ReportedError {
  if (!(error instanceof Error)) return { code: 'ERR_UNKNOWN', message: String(error).slice(0, MAX_TEXT) };
  const { code, hint, details } = error as Error & Partial<Record<'code' | 'hint' | 'details', unknown>>;
  return {
    code: typeof code === 'string' ? code : error.name === 'AbortError' ? 'ABORT_ERR' : 'ERR_INTERNAL',
    message: error.message.slice(0, MAX_TEXT),
    ...(typeof hint === 'string' && hint !== '' ? { hint: hint.slice(0, MAX_TEXT) } : {}),
    ...(typeof details === 'string' && details !== '' ? { details: details.slice(0, MAX_TEXT) } : {}),
  };
}
