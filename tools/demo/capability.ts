import { openKernel, readPrivileges } from '../../packages/runtime-shim/dist/index.js';

/** Why programs cannot be loaded into this machine's kernel; `undefined` where they can. */
export async function whyNotHere(): Promise<string | undefined> {
  if (process.env['BPFSHIP_DEMO'] === 'guest') return 'BPFSHIP_DEMO=guest asks for it';
  if (process.getuid?.() !== 0) return 'this is not root';
  const { load, reason } = await readPrivileges();
  if (!load) return reason;
  const kernel = openKernel();
  try {
    const [raw, xdp] = await kernel.probe([
      { kind: 'program-type', programType: 'raw_tracepoint' },
      { kind: 'program-type', programType: 'xdp' },
    ]);
    return raw && xdp ? undefined : 'this kernel does not allow BPF programs to be loaded';
  } catch {
    // libbpf is not installed yet; whoever is root can install it.
    return undefined;
  } finally {
    await kernel[Symbol.asyncDispose]();
  }
}
