import { createHash, type Hash } from 'node:crypto';
import type { Descriptor, Digest } from './descriptor.ts';
import { OciError } from './errors.ts';

const HEX_LENGTH: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };

/** `sha256:…` of some bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * Splits a digest into algorithm and hex.
 *
 * @throws {OciError} `ERR_OCI_INVALID_DIGEST` for another algorithm than sha256 and sha512, or a wrong length (image-spec descriptor.md).
 */
export function parseDigest(digest: string): { algorithm: 'sha256' | 'sha512'; hex: string } {
  const [algorithm = '', hex = ''] = digest.split(':', 2);
  const length = HEX_LENGTH[algorithm];
  if (
    length === undefined ||
    hex.length !== length ||
    !/^[a-f0-9]+$/.test(hex) ||
    digest.length !== algorithm.length + 1 + length
  ) {
    throw new OciError('ERR_OCI_INVALID_DIGEST', `"${digest.slice(0, 160)}" is not a sha256 or sha512 digest`, {
      hint: 'A digest is sha256: and 64 lower-case hex digits.',
    });
  }
  return { algorithm: algorithm as 'sha256' | 'sha512', hex };
}

/** Checks content while it flows: its size never exceeds the descriptor's, and at the end size and digest are equal to it. */
export class ContentVerifier {
  readonly #descriptor: Descriptor;
  readonly #hash: Hash;
  #received = 0;

  constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor;
    this.#hash = createHash(parseDigest(descriptor.digest).algorithm);
  }

  /** Bytes so far. */
  get received(): number {
    return this.#received;
  }

  /** Takes the next bytes. @throws {OciError} `ERR_OCI_SIZE_MISMATCH` as soon as there are too many. */
  update(chunk: Uint8Array): void {
    this.#received += chunk.length;
    if (this.#received > this.#descriptor.size) {
      throw new OciError(
        'ERR_OCI_SIZE_MISMATCH',
        `${this.#descriptor.digest} has more bytes than the ${this.#descriptor.size} that its descriptor states`,
      );
    }
    this.#hash.update(chunk);
  }

  /** Ends the content. @throws {OciError} `ERR_OCI_SIZE_MISMATCH` or `ERR_OCI_DIGEST_MISMATCH`. */
  finish(): void {
    const { digest, size } = this.#descriptor;
    if (this.#received !== size) {
      throw new OciError('ERR_OCI_SIZE_MISMATCH', `${digest} ended after ${this.#received} of ${size} bytes`);
    }
    const found = `${digest.split(':')[0]}:${this.#hash.digest('hex')}`;
    if (found !== digest) {
      throw new OciError('ERR_OCI_DIGEST_MISMATCH', `the bytes received for ${digest} have digest ${found}`);
    }
  }
}

/** Passes bytes on and verifies them; the error comes instead of the end. */
export async function* verified(source: AsyncIterable<Uint8Array>, descriptor: Descriptor): AsyncGenerator<Uint8Array> {
  const verifier = new ContentVerifier(descriptor);
  for await (const chunk of source) {
    verifier.update(chunk);
    yield chunk;
  }
  verifier.finish();
}

/** Content as {@link ReadOnlyStorage.fetch} gives it: verified, but where the reader says that it does so itself. */
export function verifiedUnless(
  verify: false | undefined,
  source: AsyncIterable<Uint8Array>,
  descriptor: Descriptor,
): AsyncIterable<Uint8Array> {
  return verify === false ? source : verified(source, descriptor);
}

/** Checks bytes that are all there. @throws {OciError} as {@link ContentVerifier}. */
export function verifyBytes(bytes: Uint8Array, descriptor: Descriptor): void {
  const verifier = new ContentVerifier(descriptor);
  verifier.update(bytes);
  verifier.finish();
}
