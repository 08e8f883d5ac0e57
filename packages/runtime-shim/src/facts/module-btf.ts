import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BtfKind, parseBtf } from '@bpfship/bpf-object';

/** The largest BTF of a module that is read; the largest of Debian's (amdgpu) has 2 MB. */
const MAX_SIZE: number = 16 * 1024 * 1024;

/** A name to look for in the BTF of modules, and the kinds of types any of which it may be. */
export interface ModuleName {
  name: string;
  kinds: readonly BtfKind[];
}

/**
 * Which of some names a loaded module has. Every module's BTF continues that of the kernel image (Documentation/bpf/btf.rst,
 * "Split BTF"). What cannot be read has none.
 *
 * @param base - the BTF of the kernel image.
 * @param folder - where the kernel shows its BTF.
 */
export async function findInModules<T extends ModuleName>(
  wanted: readonly T[],
  base: Uint8Array,
  folder: string,
): Promise<Set<T>> {
  const found = new Set<T>();
  if (wanted.length === 0) return found;
  const modules = await readdir(folder).catch((): string[] => []);
  for (const module of modules.filter((name) => name !== 'vmlinux')) {
    const open = wanted.filter((question) => !found.has(question));
    if (open.length === 0) break;
    const bytes = await readModule(join(folder, module));
    // Most modules have none of the names: only what has one is read type by type.
    const likely = open.filter(({ name }) => bytes?.includes(`\0${name}\0`));
    if (bytes && likely.length > 0) for (const question of namesIn(bytes, base, likely)) found.add(question);
  }
  return found;
}

async function readModule(path: string): Promise<Buffer | undefined> {
  try {
    return (await stat(path)).size > MAX_SIZE ? undefined : await readFile(path);
  } catch {
    // Unloaded meanwhile, or not for this user.
    return undefined;
  }
}

function namesIn<T extends ModuleName>(bytes: Uint8Array, base: Uint8Array, wanted: readonly T[]): T[] {
  try {
    const btf = parseBtf(bytes, { base: parseBtf(base) });
    return wanted.filter(({ name, kinds }) => kinds.some((kind) => btf.typesNamed(name, kind).length > 0));
  } catch {
    // BTF that cannot be read says nothing.
    return [];
  }
}
