import { createHash } from 'node:crypto';
import { BpfObjectError, readBpfObject } from '@bpfship/bpf-object';
import { type BtfIndex, MEDIA_TYPE_BTF_INDEX } from '@bpfship/media-types';
import { describeParameters } from './describe-parameters.ts';
import { describeVariant } from './describe-variant.ts';
import { DevkitError } from '../devkit-error.ts';

/**
 * One BPF object as a package of its own would describe it: what it needs of a kernel, derived from its bytes alone. The index is for looking at and
 * deciding, not for publishing: it names no real layer.
 *
 * @param path - for messages.
 * @param parameters - names of its read-only variables that will be set when it is loaded. Default: none.
 * @throws {DevkitError} `ERR_OBJECT_INVALID`.
 */
export function describeObject(bytes: Uint8Array, path: string, parameters: readonly string[] = []): BtfIndex {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const byteOrder = byteOrderOf(bytes, path);
  const built = { variant: 'object', byteOrder, path, digest, bytes };
  const declared = parameters.map((name) => ({ name }));
  const variant = describeVariant(built, digest, { events: [], metrics: [], parameters: declared });
  return {
    schemaVersion: 1,
    mediaType: MEDIA_TYPE_BTF_INDEX,
    name: 'object',
    version: '0.0.0',
    ...(parameters.length === 0 ? {} : { parameters: describeParameters([built], declared) }),
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
