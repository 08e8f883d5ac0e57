import { open } from 'node:fs/promises';
import { ShimError } from '../shim-error.ts';
import type { ServiceStatus } from './status.ts';

/** Bytes of one iterator's output that are read. */
const MAX_OUTPUT = 16 * 1024 * 1024;
const PIECE = 64 * 1024;

/** What one run of an iterator wrote. */
export interface IteratorOutput {
  program: string;
  /** Unique: a program with several targets is there for each. */
  key: string;
  bytes: Uint8Array;
  /** There was more than is read. */
  truncated: boolean;
}

/**
 * Runs the iterators of a service once each: their pins are files, and reading one runs it (kernel/bpf/inode.c, bpf_iter_fops).
 *
 * @param only - name of one program. Default: all.
 * @throws {ShimError} `ERR_SHIM_NO_ITERATOR` where there is none that is attached.
 */
export async function readIterators({ name, programs }: ServiceStatus, only?: string): Promise<IteratorOutput[]> {
  const iterators = programs.filter(({ link, state }) => link?.type === 'iter' && state === 'attached');
  const wanted = iterators.filter((each) => only === undefined || each.name === only || each.key === only);
  if (wanted.length === 0) {
    throw new ShimError(
      'ERR_SHIM_NO_ITERATOR',
      only === undefined ? `${name} has no iterator` : `${name} has no iterator "${only}"`,
      {
        hint:
          iterators.length === 0
            ? 'Iterators are programs of sections SEC("iter/…").'
            : `It has: ${iterators.map(({ key }) => key).join(', ')}`,
      },
    );
  }
  const outputs: IteratorOutput[] = [];
  for (const { name: program, key, link } of wanted)
    outputs.push({ program, key, ...(await readPin(link?.pin ?? '')) });
  return outputs;
}

async function readPin(path: string): Promise<Pick<IteratorOutput, 'bytes' | 'truncated'>> {
  const file = await open(path, 'r');
  try {
    const pieces: Buffer[] = [];
    let size = 0;
    while (size < MAX_OUTPUT) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(PIECE), 0, PIECE);
      if (bytesRead === 0) return { bytes: Buffer.concat(pieces), truncated: false };
      pieces.push(buffer.subarray(0, bytesRead));
      size += bytesRead;
    }
    return { bytes: Buffer.concat(pieces), truncated: true };
  } finally {
    await file.close();
  }
}
