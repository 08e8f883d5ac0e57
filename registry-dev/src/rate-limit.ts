import { RegistryProblem } from './registry-problem.ts';

/** Counts one pull. @returns headers of its answer. @throws {RegistryProblem} `TOOMANYREQUESTS` with `Retry-After`. */
export type RateLimit = () => Record<string, string>;

/** Docker Hub's limit of pulls, for all callers together: windows of fixed length that begin with a pull. */
export function createRateLimit(limit: { pulls: number; seconds: number } | undefined): RateLimit | undefined {
  if (!limit) return undefined;
  const { pulls, seconds } = limit;
  let begin = -Infinity;
  let used = 0;
  return () => {
    const now = performance.now() / 1000;
    if (now - begin >= seconds) [begin, used] = [now, 0];
    used++;
    const headers = {
      'ratelimit-limit': `${pulls};w=${seconds}`,
      'ratelimit-remaining': `${Math.max(pulls - used, 0)};w=${seconds}`,
    };
    if (used <= pulls) return headers;
    const wait = Math.max(1, Math.ceil(begin + seconds - now));
    throw new RegistryProblem('TOOMANYREQUESTS', 'You have reached your pull rate limit', {
      ...headers,
      'retry-after': String(wait),
    });
  };
}
