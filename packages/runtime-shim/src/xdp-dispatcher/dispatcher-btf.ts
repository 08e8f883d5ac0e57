import { BtfBuilder } from '@bpfship/bpf-object';
import { DISPATCHER_NAME, MAX_COMPONENTS, PROTOCOL_VERSION } from './protocol.ts';

/** BTF of the dispatcher program, which is what lets its functions be replaced. */
export interface DispatcherBtf {
  bytes: Uint8Array;
  /** Type ids: of the dispatcher's own function, of `prog0` to `prog9`, and of `compat_test`. */
  functions: number[];
}

/** Fields of `struct xdp_md` (include/uapi/linux/bpf.h). */
const CONTEXT_FIELDS = ['data', 'data_end', 'data_meta', 'ingress_ifindex', 'rx_queue_index', 'egress_ifindex'];

/** Writes the BTF: the functions with their context, and the version of the protocol where libxdp looks for it. */
export function dispatcherBtf(): DispatcherBtf {
  const btf = new BtfBuilder();
  const int = btf.addInt('int', { size: 4, signed: true });
  const number = btf.addInt('unsigned int', { size: 4 });
  const context = btf.addStruct(
    'xdp_md',
    CONTEXT_FIELDS.length * 4,
    CONTEXT_FIELDS.map((name, i) => ({ name, type: number, bitOffset: i * 32 })),
  );
  const prototype = btf.addPrototype(int, [{ name: 'ctx', type: btf.addPointer(context) }]);
  const names = Array.from({ length: MAX_COMPONENTS }, (_none, i) => `prog${i}`);
  const functions = [DISPATCHER_NAME, ...names, 'compat_test'].map((name) => btf.addFunction(name, prototype));
  // As libbpf writes numbers in declarations: a pointer to an array with so many elements.
  const version = btf.addVariable('dispatcher_version', btf.addPointer(btf.addArray(int, PROTOCOL_VERSION, number)));
  btf.addDataSection('xdp_metadata', 8, [{ type: version, offset: 0, size: 8 }]);
  return { bytes: btf.bytes(), functions };
}
