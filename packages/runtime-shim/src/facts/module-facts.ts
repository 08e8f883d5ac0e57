import { createHash } from 'node:crypto';
import { compactBtf, type KernelModuleFacts } from '@bpfship/portability';
import { readModules } from './module-btf.ts';
import { pack } from './pack.ts';

/**
 * The loaded modules that show their BTF.
 *
 * @param folder - where the kernel shows it.
 * @param includeBtf - for facts that travel with BTF.
 */
export async function describeModules(folder: string, includeBtf: boolean): Promise<Record<string, KernelModuleFacts>> {
  const modules = [...(await readModules(folder))].map(([name, bytes]) => [name, describe(bytes, includeBtf)] as const);
  return Object.fromEntries(modules);
}

function describe(bytes: Uint8Array | undefined, includeBtf: boolean): KernelModuleFacts {
  // It is there, and nothing is known of its types.
  if (bytes === undefined) return {};
  return {
    digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    size: bytes.length,
    ...(includeBtf ? { btf: pack(compactBtf(bytes)) } : {}),
  };
}
