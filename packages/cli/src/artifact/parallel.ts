/**
 * Does something with each item, some at the same time. After the first failure nothing new is begun, what runs is stopped by the signal, and the
 * failure is thrown when all of it has ended.
 *
 * @returns the results in the order of the items.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  { concurrency, signal }: { concurrency: number; signal: AbortSignal },
  action: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const results: R[] = [];
  let failure: { error: unknown } | undefined;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      const at = next++;
      try {
        results[at] = await action(items[at] as T, either);
      } catch (error) {
        // Later failures are only the ends of what was stopped.
        failure ??= { error };
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  if (failure !== undefined) throw failure.error;
  return results;
}
