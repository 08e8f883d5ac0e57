import { rmSync } from 'node:fs';
import type { StubOptions } from '../kernel.ts';
import type { Bpf } from '../native/bpf.ts';
import { NativeObject } from '../native-object.ts';
import { stubCode } from './stub-code.ts';
import { makeSlots } from './stub-maps.ts';
import { writeObject } from './write-object.ts';

/** The code of stubs may be used under either: the kernel asks LSM programs for the GPL. */
const LICENSE = 'Dual MIT/GPL';

/**
 * Loads stubs and pins each with its slots. Where one is refused, none is there.
 *
 * @param selectorPin - of the service's selector.
 * @throws {KernelError} as `load` and `pinObject` do.
 */
export function loadStubs(bpf: Bpf, selectorPin: string, stubs: readonly StubOptions[]): NativeObject {
  const pinned: string[] = [];
  const descriptors: number[] = [];
  let object: NativeObject | undefined;
  try {
    const programs = bpf.withPinned(selectorPin, (selector) => {
      const code = stubs.map((stub) => {
        const slots = makeSlots(bpf, stub.slotsPin);
        descriptors.push(slots);
        pinned.push(stub.slotsPin);
        return { name: stub.name, section: stub.section, code: stubCode(stub, slots, selector) };
      });
      return NativeObject.load(bpf, { name: 'stubs', bytes: writeObject(code, LICENSE) });
    });
    object = programs;
    for (const { name, programPin } of stubs) {
      bpf.pin(programs.programFd(name), programPin);
      pinned.push(programPin);
    }
    return programs;
  } catch (error) {
    object?.close();
    for (const pin of pinned) rmSync(pin, { force: true });
    throw error;
  } finally {
    for (const fd of descriptors) bpf.native.close(fd);
  }
}
