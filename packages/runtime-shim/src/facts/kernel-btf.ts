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
