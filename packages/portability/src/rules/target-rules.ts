import type { VariantProgram } from '@bpfship/media-types';
import { about, type Answer, lookUp, unknown, unmet } from '../answer.ts';
import { type AttachTarget, isPattern } from '../attach-targets.ts';
import type { KernelFacts, NetworkInterfaceFacts } from '../facts.ts';

/**
 * What every driver of a 4 KiB page machine takes in one buffer, in bytes: a page without headroom (256), the link header and the shared
 * info behind the packet (drivers/net/veth.c, veth_xdp_set; others leave some bytes more or less).
 */
const ONE_BUFFER_MTU = 3_400;

/** Holds a target given at run time against the facts of its interface (spec/selection.md, "Targets given at run time"). */
export function checkTarget({ hook, flags = [] }: VariantProgram, target: AttachTarget, facts: KernelFacts): Answer {
  const { interfaceName } = target;
  if (hook !== 'xdp' || interfaceName === undefined) return 'met';
  if (facts.interfaces === undefined) return withoutInterfaces(target);
  const found = lookUp(facts.interfaces, interfaceName);
  if (found === undefined) {
    const what = isPattern(interfaceName) ? 'whose name matches ' : '';
    return about('attach', unmet('interface-missing', `there is no network interface ${what}${interfaceName}`));
  }
  return about('attach', checkXdp(found, target, flags.includes('xdp-frags')));
}

function withoutInterfaces({ interfaceName, xdpMode }: AttachTarget): Answer {
  if (xdpMode !== 'native') return 'met';
  return about(
    'attach',
    unknown('xdp-native-unknown', `it is not known whether the driver of ${interfaceName} runs XDP programs`),
  );
}

function checkXdp(
  { mtu, xdp }: NetworkInterfaceFacts,
  { interfaceName, xdpMode }: AttachTarget,
  frags: boolean,
): Answer {
  // The stack itself runs them, on packets in one piece.
  if (xdpMode === 'generic') return 'met';
  const native = xdp?.includes('basic');
  if (native === false) {
    // Without a word on the mode the kernel takes the stack in the driver's place (net/core/dev.c, dev_xdp_attach).
    if (xdpMode === undefined) return 'met';
    return unmet('xdp-native-missing', `the driver of ${interfaceName} does not run XDP programs`);
  }
  if (native === undefined && xdpMode === 'native') {
    return unknown('xdp-native-unknown', `it is not known whether the driver of ${interfaceName} runs XDP programs`);
  }
  if (mtu <= ONE_BUFFER_MTU || (frags && xdp?.includes('rx-sg') === true)) return 'met';
  const why = frags
    ? 'its driver is not known to take packets of several buffers'
    : 'the program takes packets in one buffer';
  return unknown('xdp-mtu', `packets of ${interfaceName} have up to ${mtu} bytes, and ${why}`);
}
