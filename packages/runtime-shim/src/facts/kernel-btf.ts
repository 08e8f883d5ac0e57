import { readBounded } from './read-bounded.ts';

const PATH = '/sys/kernel/btf/vmlinux';
/** The largest kernel BTF that is read; today's are 3 to 6 MB. */
const MAX_SIZE: number = 64 * 1024 * 1024;

/** The running kernel's BTF; `undefined` where it has none (CONFIG_DEBUG_INFO_BTF is off) or it cannot be read. */
export async function readKernelBtf(): Promise<Uint8Array | undefined> {
  const bytes = await readBounded(PATH, MAX_SIZE);
  return bytes === undefined || bytes.length === 0 ? undefined : bytes;
}
