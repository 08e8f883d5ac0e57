import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Btf, parseBtf } from '@bpfship/bpf-object';
import type { KernelModule, TypeKind } from '@bpfship/portability';
import { readBounded } from './read-bounded.ts';

/** The largest BTF of a module that is read; the largest of Debian's (amdgpu) has 2 MB. */
const MAX_SIZE: number = 16 * 1024 * 1024;

/** A name to look for in the BTF of modules, and the kinds of types any of which it may be. */
export interface ModuleName {
  name: string;
  kinds: readonly TypeKind[];
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
  let opened: Btf | undefined;
  const openBase = (): Btf => (opened ??= parseBtf(base));
  if (wanted.length === 0) return found;
  // A module's types take names from the strings of the image where they stand there (btf__dedup).
  const inStrings = new Set(wanted.filter(({ name }) => holdsName(base, name)));
  for (const module of await listModules(folder)) {
    const open = wanted.filter((question) => !found.has(question));
    if (open.length === 0) break;
    // One that is unloaded meanwhile, or not for this user, has none.
    const bytes = await readBounded(join(folder, module), MAX_SIZE);
    // Most modules have none of the names: only what has one is read type by type.
    const likely = open.filter((question) => inStrings.has(question) || (bytes && holdsName(bytes, question.name)));
    if (bytes && likely.length > 0) for (const question of namesIn(bytes, openBase, likely)) found.add(question);
  }
  return found;
}

function holdsName(bytes: Uint8Array, name: string): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(`\0${name}\0`);
}

/**
 * The loaded modules that have BTF, for relocations whose types the kernel image has not. Nothing is read before it is asked for; then at
 * once, as by `readKernelBtf`.
 *
 * @param folder - where the kernel shows its BTF.
 */
export function loadedModules(folder = '/sys/kernel/btf'): () => readonly KernelModule[] {
  return () => {
    try {
      const names = readdirSync(folder).filter((name) => name !== 'vmlinux');
      return names.sort().map((name) => ({ name, btf: () => readModule(join(folder, name)) }));
    } catch {
      return [];
    }
  };
}

function readModule(path: string): Uint8Array | undefined {
  try {
    return statSync(path).size > MAX_SIZE ? undefined : readFileSync(path);
  } catch (error) {
    // One that was unloaded meanwhile has no types.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? new Uint8Array() : undefined;
  }
}

/** All modules that show their BTF, by name; without bytes where it cannot be read. */
export async function readModules(folder: string): Promise<Map<string, Buffer | undefined>> {
  const modules = new Map<string, Buffer | undefined>();
  for (const module of await listModules(folder)) {
    const bytes = await readBounded(join(folder, module), MAX_SIZE);
    if (bytes?.length !== 0) modules.set(module, bytes);
  }
  return modules;
}

async function listModules(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.filter((name) => name !== 'vmlinux').sort();
}

function namesIn<T extends ModuleName>(bytes: Uint8Array, base: () => Btf, wanted: readonly T[]): T[] {
  try {
    const btf = parseBtf(bytes, { base: base() });
    return wanted.filter(({ name, kinds }) => kinds.some((kind) => btf.typesNamed(name, kind).length > 0));
  } catch {
    // BTF that cannot be read says nothing.
    return [];
  }
}
