import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until the answer is one; the test's own time limit ends it. */
export async function waitFor<T>(ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    await sleep(20);
  }
}
