import { readFileSync, statSync } from 'node:fs';

const PATH = '/sys/kernel/btf/vmlinux';
/** The largest kernel BTF that is read; today's are 3 to 6 MB. */
const MAX_SIZE: number = 64 * 1024 * 1024;

/**
 * The running kernel's BTF; `undefined` where it has none (CONFIG_DEBUG_INFO_BTF is off) or it cannot be read. sysfs gives one page per read:
 * 1,300 reads, each of which would go through the thread pool and take several times as long as all of them at once do here.
 */
export function readKernelBtf(): Promise<Uint8Array | undefined> {
  try {
    return Promise.resolve(statSync(PATH).size > MAX_SIZE ? undefined : readFileSync(PATH));
  } catch {
    return Promise.resolve(undefined);
  }
}

/** The running kernel's BTF for a process that needs it again and again: it stays the same until the next start of the machine. */
export class KernelBtf {
  #reading: Promise<Uint8Array | undefined> | undefined;

  /** As {@link readKernelBtf}; every time the same bytes, so that what was learnt of them is known again. */
  read(): Promise<Uint8Array | undefined> {
    return (this.#reading ??= readKernelBtf());
  }

  /** Lets the bytes go until somebody wants them. */
  forget(): void {
    this.#reading = undefined;
  }
}
