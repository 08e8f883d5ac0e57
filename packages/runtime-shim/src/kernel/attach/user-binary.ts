import { statSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { type AttachRequest, refuse } from './attach-request.ts';
import { type FileFunction, findFileFunctions } from './elf-symbols.ts';

/** Where libbpf looks for a file that is named without a folder (libbpf.c, arch_specific_lib_paths, resolve_full_path). */
const LIBRARY_FOLDERS: Readonly<Record<string, string>> = {
  x64: '/lib/x86_64-linux-gnu',
  arm64: '/lib/aarch64-linux-gnu',
  riscv64: '/lib/riscv64-linux-gnu',
  s390x: '/lib/s390x-linux-gnu',
  ppc64: '/lib/powerpc64le-linux-gnu',
};

/** What a uprobe is for: `/usr/bin/bash:readline+0x10`. */
export interface UserTarget {
  /** Of a file that is there. */
  path: string;
  /** Name or pattern; absent where the offset alone says it. */
  symbol?: string;
  offset: bigint;
}

/** Reads the target of a uprobe from the section (`uprobe/PATH:FUNCTION+OFFSET`) and from what is given at run time. */
export function userTarget({ program, attachment, options }: AttachRequest): UserTarget {
  const [, path, symbol, offset] =
    /^(.+?):([^:+]+?)?(?:\+?(0x[\da-f]+|\d+))?$/i.exec(attachment.extra ?? '') ?? ([] as (string | undefined)[]);
  const file = options.binaryPath ?? path;
  if (file === undefined) {
    throw refuse(
      `program "${program}" needs an executable or library`,
      'Its section names none: give its path, and a function of it.',
    );
  }
  const own = options.symbol ?? (options.offset !== undefined && options.binaryPath !== undefined ? undefined : symbol);
  const bytes = options.offset ?? (own === symbol && offset !== undefined ? Number(offset) : undefined);
  if (own === undefined && bytes === undefined) {
    throw refuse(`program "${program}" needs a function of ${file}`, 'Give its name, or a place in the file.');
  }
  return {
    path: findBinary(program, file),
    ...(own === undefined ? {} : { symbol: own }),
    offset: BigInt(bytes ?? 0),
  };
}

/** The path of a file that is named, looked for where the system has libraries and executables. @throws {KernelError} where it is not there. */
export function findBinary(program: string, name: string): string {
  const folders = /\.so(?:\.|$)/.test(name)
    ? [...(process.env['LD_LIBRARY_PATH'] ?? '').split(':'), '/usr/lib64', '/usr/lib', LIBRARY_FOLDERS[arch()] ?? '']
    : [...(process.env['PATH'] ?? '').split(':'), '/usr/bin', '/usr/sbin'];
  const candidates = name.includes('/') ? [name] : folders.filter(Boolean).map((folder) => join(folder, name));
  const found = candidates.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (found !== undefined) return found;
  throw refuse(
    `there is no executable or library ${name} for program "${program}"`,
    name.includes('/') ? 'Check the path.' : `It was looked for in ${folders.filter(Boolean).join(', ')}.`,
    'ENOENT',
  );
}

/** Functions of a file. @throws {KernelError} where there is none that fits. */
export function functionsIn(
  program: string,
  path: string,
  accepts: (name: string) => boolean,
  what: string,
): FileFunction[] {
  const functions = findFileFunctions(path, accepts);
  if (functions === undefined) {
    throw refuse(`${path} is no executable or library of this machine`, 'It must be a 64-bit ELF file.', 'ENOEXEC');
  }
  if (functions.length === 0) {
    throw refuse(
      `${path} has no function ${what} for program "${program}"`,
      'Its symbols may be stripped: "nm -D" and "nm" list what there is; a place in the file can be given instead.',
      'ENOENT',
    );
  }
  return functions;
}
