import { btfDigest, readKernelBtfNow } from '../facts/kernel-btf.ts';

/** The kernel's BTF with its digest. */
export class HashedBtf {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
    this.digest = btfDigest(bytes);
  }
}

/** Reads and hashes the running kernel's BTF; `undefined` where it has none, or it cannot be read. */
export function readHashedBtf(): HashedBtf | undefined {
  const bytes = readKernelBtfNow();
  return bytes && new HashedBtf(bytes);
}
