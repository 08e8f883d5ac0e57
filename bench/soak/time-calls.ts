/**
 * Preloaded (`node --import`) into a soak, and thereby into its kernel's worker: times the kernel's own part of a switch, which is the
 * system call alone. Environment: `BPFSHIP_CALL_TIMES`, a file that gets `name milliseconds` in a line for each call when the thread ends.
 */
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import koffi from 'koffi';

/** Commands of bpf(2) that switch (include/uapi/linux/bpf.h, enum bpf_cmd). */
const SWITCHES: Readonly<Record<number, string>> = { 2: 'MAP_UPDATE_ELEM', 29: 'LINK_UPDATE' };
/** Number of bpf(2) on x86-64 and on arm64. */
const BPF_SYSCALLS: ReadonlySet<unknown> = new Set([321, 280]);

type Native = (...args: unknown[]) => unknown;

function timed(native: Native, times: string[]): Native {
  return (...args) => {
    const name = BPF_SYSCALLS.has(args[0]) ? SWITCHES[Number(args[1])] : undefined;
    if (name === undefined) return native(...args);
    const begin = performance.now();
    const result = native(...args);
    times.push(`${name} ${performance.now() - begin}\n`);
    return result;
  };
}

if (!isMainThread) {
  const times: string[] = [];
  const load = koffi.load.bind(koffi);
  koffi.load = (...args: Parameters<typeof koffi.load>) => {
    const library = load(...args);
    const func = library.func.bind(library) as (...definition: unknown[]) => Native;
    const wrapped = (...definition: unknown[]): Native =>
      / syscall\(long number, int command/.test(String(definition[0]))
        ? timed(func(...definition), times)
        : func(...definition);
    return new Proxy(library, { get: (target, key) => (key === 'func' ? wrapped : Reflect.get(target, key)) });
  };
  process.once('exit', () => appendFileSync(process.env['BPFSHIP_CALL_TIMES'] ?? '', times.join('')));
}
