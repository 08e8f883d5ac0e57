import { createHash } from 'node:crypto';
import { BpfObjectError, readBpfObject } from '@bpfship/bpf-object';
import { type BtfIndex, MEDIA_TYPE_BTF_INDEX } from '@bpfship/media-types';
import { describeVariant } from './describe-variant.ts';
import { DevkitError } from '../devkit-error.ts';

/**
 * One BPF object as a package of its own would describe it: what it needs of a kernel, derived from its bytes alone. The index is for looking at and
 * deciding, not for publishing: it names no real layer.
 *
 * @param path - for messages.
 * @throws {DevkitError} `ERR_OBJECT_INVALID`.
 */
export function describeObject(bytes: Uint8Array, path: string): BtfIndex {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const byteOrder = byteOrderOf(bytes, path);
  const variant = describeVariant({ variant: 'object', byteOrder, path, digest, bytes }, digest, []);
  return {
    schemaVersion: 1,
    mediaType: MEDIA_TYPE_BTF_INDEX,
    name: 'object',
    version: '0.0.0',
    variants: [variant],
  };
}

function byteOrderOf(bytes: Uint8Array, path: string): 'little' | 'big' {
  try {
    return readBpfObject(bytes).littleEndian ? 'little' : 'big';
  } catch (cause) {
    if (!(cause instanceof BpfObjectError)) throw cause;
    throw new DevkitError('ERR_OBJECT_INVALID', `${path} is no usable BPF object: ${cause.message}`, {
      file: path,
      hint: cause.hint ?? 'Give an object that clang -target bpf has made.',
      cause,
    });
  }
}
