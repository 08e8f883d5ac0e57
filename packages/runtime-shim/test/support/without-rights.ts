/**
 * What a process finds that may not load programs. Run as another user; prints JSON.
 * Arguments: state folder, folder for pins, OCI layout, reference.
 */
import { OciLayoutStore } from '@bpfship/oras-client';
import { readKernelBtf } from '../../src/facts/kernel-btf.ts';
import { readKernelFacts } from '../../src/facts/read-kernel-facts.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openNode } from '../../src/open-node.ts';

const [stateDir = '', bpffsDir = '', layout = '', reference = ''] = process.argv.slice(2);
// Node 22 runs this file as it is, and knows no `using`.
const kernel = openKernel();
const btf = await readKernelBtf();
const requirements = [
  { kind: 'program-type', value: 'xdp', programs: ['x'] },
  { kind: 'map-type', value: 'ringbuf', maps: ['x'] },
  { kind: 'helper', value: 'bpf_loop', programType: 'kprobe', programs: ['x'] },
  { kind: 'feature', value: 'xdp-frags' },
];
const asked = await readKernelFacts({ kernel, btf, for: requirements });
const all = await readKernelFacts({ kernel, btf });
const error = await failureOf(async () => {
  const node = await openNode({ stateDir, bpffsDir });
  try {
    await node.install({
      target: await OciLayoutStore.open(layout),
      reference,
      location: layout,
      allowUnsigned: true,
    });
  } finally {
    await node[Symbol.asyncDispose]();
  }
});
const closed = await failureOf(() => openNode({ stateDir: '/var/lib/bpfship-test-of-rights' }));
await kernel[Symbol.asyncDispose]();
process.stdout.write(JSON.stringify({ asked, all, error, closed }));

async function failureOf(action: () => Promise<unknown>): Promise<unknown> {
  try {
    await action();
    return undefined;
  } catch (failure) {
    const { code, message, hint } = failure as { code?: string; message?: string; hint?: string };
    return { code, message, hint };
  }
}
