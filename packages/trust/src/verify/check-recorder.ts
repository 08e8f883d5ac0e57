import { TrustError } from '../trust-error.ts';
import type { Check, CheckName } from './verification.ts';

/** Runs checks one after the other and remembers what was compared. */
export interface CheckRecorder {
  /** Checks made so far. */
  readonly checks: readonly Check[];
  /**
   * Runs one check.
   *
   * @param describe - the values that were compared, of a check that passed.
   * @throws {TrustError} what the check throws, with all checks up to it.
   */
  readonly run: <T>(name: CheckName, check: () => T | Promise<T>, describe: (result: T) => string) => Promise<T>;
}

/** Makes a recorder for the checks of one object. */
export function createCheckRecorder(object: string): CheckRecorder {
  const checks: Check[] = [];
  return {
    checks,
    run: async (name, check, describe) => {
      try {
        const result = await check();
        checks.push({ name, outcome: 'passed', detail: describe(result) });
        return result;
      } catch (error) {
        if (!(error instanceof TrustError)) throw error;
        const { code, message, hint, cause } = error;
        checks.push({ name, outcome: 'failed', detail: message });
        throw new TrustError(code, message, { object, hint, checks, cause });
      }
    },
  };
}
