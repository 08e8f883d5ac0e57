import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { GuestArchitecture } from '../../tools/machine/kernels.ts';
import { fetchForeignPackages } from '../guest/foreign-programs.ts';

/** Source of the driver. */
export const DRIVER: string = join(import.meta.dirname, 'driver', 'load-alone.c');

/** Compiles the driver with this machine's libbpf, or with Debian's for another architecture. @returns its path. */
export function compileDriver(folder: string, architecture: GuestArchitecture = 'amd64'): string {
  const path = join(folder, 'load-alone');
  const options = ['-O2', '-Wall', '-D_GNU_SOURCE', '-o', path, DRIVER];
  if (architecture === 'amd64') {
    execFileSync('gcc', [...options, '-lbpf']);
    return path;
  }
  const libraries = join(fetchForeignPackages(), 'usr', 'lib', 'aarch64-linux-gnu');
  // libbpf's headers are the same everywhere; what libbpf itself is linked with, the guest has.
  const linking = [`-L${libraries}`, '-l:libbpf.so.1', '-Wl,--allow-shlib-undefined'];
  execFileSync('aarch64-linux-gnu-gcc', [...options, '-idirafter', '/usr/include', ...linking]);
  return path;
}
