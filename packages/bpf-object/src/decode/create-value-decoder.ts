import type { Btf } from '../btf/btf.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import { typeName } from '../btf/type-name.ts';
import { BpfObjectError } from '../errors.ts';
import { startCompilation } from './compile-type.ts';
import { createDecoder, type DecoderOptions, viewOf } from './create-decoder.ts';
import { Formatting } from './formatting.ts';

/** Turns the bytes of a map's key or value into what they mean. Errors: `ERR_EVENT_TOO_SHORT`. */
export type ValueDecoder = (bytes: Uint8Array) => unknown;

/** Compiles a decoder for a type of any kind: a struct as {@link createDecoder} does it, a number, a text, a list. Errors: as there. */
export function createValueDecoder(btf: Btf, id: number, options: DecoderOptions = {}): ValueDecoder {
  const type = skipModifiers(btf, id);
  const formatting = new Formatting(options.formats);
  const formatted = formatting.readerFor(btf, id, '');
  if (!formatted && (type.kind === 'struct' || type.kind === 'union')) return createDecoder(btf, id, options);
  const { read, size } = formatted ?? startCompilation(btf, formatting).compile(id, 0, '');
  return (bytes) => {
    if (bytes.length >= size) return read(viewOf(bytes), 0);
    throw new BpfObjectError(
      'ERR_EVENT_TOO_SHORT',
      `${typeName(btf, id)} needs ${size} bytes, there are ${bytes.length}`,
      { hint: 'Check that the map is of the type that its definition declares.' },
    );
  };
}
