import { dirname, relative, sep } from 'node:path';
import type { Project, ProjectVariant } from '../project/project.ts';
import { type ArchitectureName, architectureTarget } from './architectures.ts';
import type { Toolchain } from './toolchain.ts';

/** One compilation. */
export interface Compilation {
  project: Project;
  variant: ProjectVariant;
  architecture: ArchitectureName;
  /** Where the object goes. */
  output: string;
  /** Where clang lists the files that it read (Makefile syntax). */
  dependencies: string;
}

/**
 * The arguments of clang. The same sources give the same object wherever the project lies: every folder that the debug information could
 * name is replaced by its path relative to the project, and BTF takes its file names from there.
 */
export function clangArguments({ systemIncludes }: Toolchain, compilation: Compilation): string[] {
  const { project, variant, architecture, output, dependencies } = compilation;
  const target = variant.byteOrder === 'little' ? 'bpfel' : 'bpfeb';
  return [
    '-target',
    target,
    // BTF is derived from debug information.
    '-g',
    '-O2',
    '-Wall',
    // Instructions of BPF v2 (Linux 4.14), whatever this clang's default is; "flags" may ask for more.
    '-mcpu=v2',
    '-fno-stack-protector',
    '-fno-ident',
    '-fno-color-diagnostics',
    ...reproducibleFlags(project, variant),
    `-D__TARGET_ARCH_${architectureTarget(architecture).targetArch}`,
    ...Object.entries(variant.defines).map(([name, value]) => `-D${name}=${value}`),
    ...project.include.map((folder) => `-I${folder}`),
    ...systemIncludes.flatMap((folder) => ['-idirafter', folder]),
    ...variant.flags,
    '-MMD',
    '-MF',
    dependencies,
    '-c',
    variant.source,
    '-o',
    output,
  ];
}

/** Folders are replaced with a slash at their end, so that `/a/b` does not match `/a/bc`. */
function reproducibleFlags(project: Project, variant: ProjectVariant): string[] {
  const folders = [...new Set([project.directory, dirname(variant.source), ...project.include])];
  // Inside of a folder that is replaced anyway nothing is left to do, and which of two matches wins depends on clang's version.
  const outermost = folders.filter((folder) => !folders.some((other) => other !== folder && isInside(folder, other)));
  return [
    '-fdebug-compilation-dir=.',
    ...outermost.map((folder) => `-ffile-prefix-map=${folder}/=${portablePath(relative(project.directory, folder))}/`),
  ];
}

function isInside(folder: string, other: string): boolean {
  return folder.startsWith(other.endsWith(sep) ? other : other + sep);
}

function portablePath(path: string): string {
  return path === '' ? '.' : path;
}
