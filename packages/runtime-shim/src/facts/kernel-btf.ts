import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Kernel } from '../kernel/kernel.ts';

const PATH = '/sys/kernel/btf/vmlinux';
/** The largest kernel BTF that is read; today's are 3 to 6 MB. */
const MAX_SIZE: number = 64 * 1024 * 1024;

/**
 * The running kernel's BTF; `undefined` where it has none (CONFIG_DEBUG_INFO_BTF is off) or it cannot be read. sysfs gives one page per read:
 * 1,300 reads, each of which would go through the thread pool and take several times as long as all of them at once do here.
 */
export function readKernelBtf(): Promise<Uint8Array | undefined> {
  return Promise.resolve(readKernelBtfNow());
}

/** The same; the calling thread waits for it. */
export function readKernelBtfNow(): Uint8Array<ArrayBuffer> | undefined {
  try {
    if (statSync(PATH).size > MAX_SIZE) return undefined;
    const bytes = readFileSync(PATH);
    return bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
  } catch {
    return undefined;
  }
}

/** Digests of BTF that was seen before; hashing it takes some milliseconds. */
const digests = new WeakMap<Uint8Array, string>();

/** `sha256:` and 64 hexadecimal digits. */
export function btfDigest(btf: Uint8Array): string {
  const known = digests.get(btf) ?? `sha256:${createHash('sha256').update(btf).digest('hex')}`;
  digests.set(btf, known);
  return known;
}

/** The running kernel's BTF for a process that needs it again and again: it stays the same until the next start of the machine. */
export class KernelBtf {
  readonly #kernel: Pick<Kernel, 'readBtf'>;
  #reading: Promise<Uint8Array | undefined> | undefined;

  constructor(kernel: Pick<Kernel, 'readBtf'>) {
    this.#kernel = kernel;
  }

  /** As {@link readKernelBtf}; every time the same bytes, so that what was learnt of them is known again. */
  read(): Promise<Uint8Array | undefined> {
    return (this.#reading ??= this.#read());
  }

  /** Lets the bytes go until somebody wants them. */
  forget(): void {
    this.#reading = undefined;
  }

  async #read(): Promise<Uint8Array | undefined> {
    const read = await this.#kernel.readBtf();
    if (read) digests.set(read.bytes, read.digest);
    return read?.bytes;
  }
}
