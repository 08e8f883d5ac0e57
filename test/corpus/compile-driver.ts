import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Source of the driver. */
export const DRIVER: string = join(import.meta.dirname, 'driver', 'load-alone.c');

/** Compiles the driver with this machine's compiler and libbpf. @returns its path. */
export function compileDriver(folder: string): string {
  const path = join(folder, 'load-alone');
  execFileSync('gcc', ['-O2', '-Wall', '-D_GNU_SOURCE', '-o', path, DRIVER, '-lbpf']);
  return path;
}
