import type { Kernel } from '@bpfship/runtime-shim';

/** Milliseconds that each call of a kernel took, as its caller sees them: with the way to the worker and back. */
export type CallTimes = Map<string, number[]>;

/** A kernel that notes how long its calls take. */
export function timedKernel(kernel: Kernel, times: CallTimes): Kernel {
  return new Proxy(kernel, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key);
      if (typeof method !== 'function' || typeof key === 'symbol') return method;
      return async (...args: unknown[]): Promise<unknown> => {
        const begin = performance.now();
        const result: unknown = await Reflect.apply(method, target, args);
        const taken = times.get(key) ?? [];
        taken.push(performance.now() - begin);
        times.set(key, taken);
        return result;
      };
    },
  });
}
