import koffi from 'koffi';

/** Memory is taken in pieces of this size, since taking it costs more than what most calls do with it. */
const BLOCK_SIZE = 8192;
const ALIGNMENT = 16;

interface Block {
  address: bigint;
  memory: ArrayBuffer;
  used: number;
}

/** Native memory that stays in place while the kernel or libbpf holds its address; freed when the arena is disposed. */
export class Arena implements Disposable {
  readonly #blocks: Block[] = [];

  /** Zeroed memory. @param size - in bytes. */
  allocate(size: number): { address: bigint; bytes: Buffer } {
    let block = this.#blocks.at(-1);
    if (!block || block.used + size > block.memory.byteLength) this.#blocks.push((block = takeBlock(size)));
    const at = block.used;
    block.used = Math.ceil((at + size) / ALIGNMENT) * ALIGNMENT;
    const bytes = Buffer.from(block.memory, at, size);
    bytes.fill(0);
    return { address: block.address + BigInt(at), bytes };
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
    for (const { address } of this.#blocks.splice(0)) koffi.free(address);
  }
}

function takeBlock(size: number): Block {
  const length = Math.max(size, BLOCK_SIZE);
  const address = koffi.alloc('uint8_t', length) as bigint;
  return { address, memory: koffi.view(address, length), used: 0 };
}
