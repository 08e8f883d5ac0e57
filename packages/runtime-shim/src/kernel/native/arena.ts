import koffi from 'koffi';

/** Native memory that stays in place while the kernel or libbpf holds its address; freed when the arena is disposed. */
export class Arena implements Disposable {
  readonly #pointers: bigint[] = [];

  /** Zeroed memory. @param size - in bytes. */
  allocate(size: number): { address: bigint; bytes: Buffer } {
    const address = koffi.alloc('uint8_t', size) as bigint;
    this.#pointers.push(address);
    const bytes = Buffer.from(koffi.view(address, size));
    bytes.fill(0);
    return { address, bytes };
  }

  /** A copy of some bytes. @returns its address. */
  copy(source: Uint8Array): bigint {
    const { address, bytes } = this.allocate(Math.max(source.length, 1));
    bytes.set(source);
    return address;
  }

  /** A NUL-terminated copy of a string. @returns its address. */
  string(text: string): bigint {
    return this.copy(Buffer.from(`${text}\0`));
  }

  [Symbol.dispose](): void {
    for (const pointer of this.#pointers.splice(0)) koffi.free(pointer);
  }
}
