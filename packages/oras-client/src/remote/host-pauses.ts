import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted } from '../errors.ts';

/** Milliseconds over which requests are spread when a pause is over, so that they do not all come at once. */
const SPREAD_MS = 100;

/** How long hosts want to be left alone: one answer of 429 holds back all requests to its host, not only the one that got it. */
export class HostPauses {
  readonly #until = new Map<string, number>();

  /** Holds requests back. @param origin - of the answering host. @param ms - from now; a longer pause that was set before stays. */
  pause(origin: string, ms: number): void {
    const until = performance.now() + ms;
    if (until > (this.#until.get(origin) ?? 0)) this.#until.set(origin, until);
  }

  /** Milliseconds that are left. */
  left(origin: string): number {
    const until = this.#until.get(origin);
    if (until === undefined) return 0;
    const left = until - performance.now();
    if (left > 0) return left;
    this.#until.delete(origin);
    return 0;
  }

  /** Waits for the end of a pause, once: a pause that is made longer meanwhile does not hold anybody for ever. @throws {OciError} `ERR_OCI_ABORTED`. */
  async wait(origin: string, signal: AbortSignal | undefined): Promise<void> {
    const left = this.left(origin);
    if (left === 0) return;
    await sleep(left + Math.random() * SPREAD_MS, undefined, signal ? { signal } : {}).catch(() =>
      throwIfAborted(signal),
    );
  }
}
