import koffi from 'koffi';
import { KernelError } from './kernel-error.ts';
import type { VariableValue } from './kernel.ts';
import { callError } from './native/errno.ts';
import type { Native, Pointer } from './native/library.ts';

/**
 * Writes values into the global data of an object that is open and not loaded yet: the bytes that libbpf will give the kernel. The object's
 * own bytes stay as they were verified.
 *
 * @param name - of the map of global data, e.g. `.rodata`.
 * @throws {KernelError} `ERR_KERNEL_OBJECT_INVALID` where a value lies outside of it.
 */
export function setVariables(native: Native, map: Pointer, name: string, values: readonly VariableValue[]): void {
  const own = values.filter((value) => value.map === name);
  if (own.length === 0) return;
  const size = native.mapValueSize(map);
  const initial = native.mapInitialValue(map, Buffer.alloc(8));
  if (!initial) throw callError('ERR_KERNEL_OBJECT_INVALID', `reading the initial bytes of ${name}`, native.errno());
  const bytes = Buffer.from(koffi.decode(initial, 'uint8_t', size) as Uint8Array);
  for (const { offset, bytes: value } of own) {
    if (offset < 0 || offset + value.length > size) {
      throw new KernelError('ERR_KERNEL_OBJECT_INVALID', `a variable lies outside of ${name}, which has ${size} bytes`);
    }
    bytes.set(value, offset);
  }
  const result = native.mapSetInitialValue(map, bytes, size);
  if (result < 0) throw callError('ERR_KERNEL_OBJECT_INVALID', `setting the initial bytes of ${name}`, result);
}
