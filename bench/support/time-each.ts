const WARM_UP = 200;

/** Times an action again and again in this process, after as many calls that do not count. @returns microseconds of each. */
export async function timeEach(times: number, action: () => unknown, warmUp: number = WARM_UP): Promise<number[]> {
  for (let i = 0; i < warmUp; i++) await action();
  const microseconds: number[] = [];
  for (let i = 0; i < times; i++) {
    const begin = performance.now();
    await action();
    microseconds.push((performance.now() - begin) * 1000);
  }
  return microseconds;
}
