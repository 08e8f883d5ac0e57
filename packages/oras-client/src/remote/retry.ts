import { setTimeout as sleep } from 'node:timers/promises';
import { OciError, throwIfAborted } from '../errors.ts';

/** Longest wait that a registry may ask for, in milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;
/** Pause of a host that answers 429 without a time, in milliseconds. */
const DEFAULT_PAUSE_MS = 500;
const PASSING_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 499, 500, 502, 503, 504, 522]);
const PASSING_CODES =
  /^(?:ECONNRESET|EPIPE|ETIMEDOUT|EAI_AGAIN|ECONNABORTED|ENETUNREACH|EHOSTUNREACH|UND_ERR_SOCKET|UND_ERR_PRX_CONN|UND_ERR_CONNECT_TIMEOUT|UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT)$/;

/** Whether a status may be another one the next time. */
export function isPassingStatus(status: number): boolean {
  return PASSING_STATUS.has(status);
}

/** Whether a network error may not come again. */
export function isPassing(error: unknown): boolean {
  const raw = error instanceof OciError ? error.cause : error;
  return PASSING_CODES.test((raw as NodeJS.ErrnoException | undefined)?.code ?? '');
}

/**
 * Waits before the next try: as long as `Retry-After` says, else 0.1 s doubling at each try up to 5 s, with jitter.
 *
 * @throws {OciError} `ERR_OCI_ABORTED`.
 */
export async function waitBeforeRetry(
  attempt: number,
  retryAfter: string | string[] | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const asked = parseRetryAfter(retryAfter);
  const backoff = Math.min(100 * 2 ** attempt, 5_000) * (0.5 + Math.random());
  await sleep(asked ?? backoff, undefined, signal ? { signal } : {}).catch(() => throwIfAborted(signal));
}

/** Seconds or an HTTP date (RFC 9110, section 10.2.3), in milliseconds; at most a minute. */
export function parseRetryAfter(header: string | string[] | undefined): number | undefined {
  const text = [header].flat()[0];
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

/** Milliseconds for which all requests to a host are held back after an answer: of 429, or of 503 that names a time. */
export function pauseOf(status: number, retryAfter: string | string[] | undefined): number {
  const asked = parseRetryAfter(retryAfter);
  if (status === 429) return asked ?? DEFAULT_PAUSE_MS;
  return status === 503 ? (asked ?? 0) : 0;
}
