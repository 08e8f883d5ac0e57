import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, fetchDebianSource } from '../../tools/machine/debian-archive.ts';
import { kernelBtf } from '../../tools/machine/kernel-btf.ts';

/** The kernel whose types the sources are compiled with: the newest, so that none is missing. */
const TYPES_OF = '7.2';

/**
 * Headers that BPF sources expect: vmlinux.h of a kernel, libbpf's newest, and an empty stand-in for glibc's 32-bit stubs, which a compiler
 * for BPF asks for.
 *
 * @returns the folder.
 */
export function compileEnvironment(): string {
  const folder = join(CACHE, 'corpus', 'include');
  if (existsSync(join(folder, '.complete'))) return folder;
  const libbpf = join(CACHE, 'sources', 'forky', 'libbpf');
  fetchDebianSource('forky', 'libbpf', libbpf);
  mkdirSync(join(folder, 'bpf'), { recursive: true });
  mkdirSync(join(folder, 'gnu'), { recursive: true });
  writeFileSync(join(folder, 'gnu', 'stubs-32.h'), '');
  for (const name of readdirSync(join(libbpf, 'src')).filter((file) => file.endsWith('.h')))
    copyFileSync(join(libbpf, 'src', name), join(folder, 'bpf', name));
  const dump = ['btf', 'dump', 'file', kernelBtf(TYPES_OF), 'format', 'c'];
  writeFileSync(join(folder, 'vmlinux.h'), execFileSync('bpftool', dump, { maxBuffer: 64 * 1024 * 1024 }));
  writeFileSync(join(folder, '.complete'), '');
  return folder;
}
