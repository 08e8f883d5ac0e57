import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { GuestKernel } from '../../tools/machine/kernels.ts';

/**
 * Copies modules with those that they depend on (the `depends` field of their .modinfo section). A module that the kernel has built in
 * is no file, and is left out.
 *
 * @returns the files' names in the order to load them in.
 */
export function copyModules(folder: string, { modules }: GuestKernel, wanted: readonly string[]): string[] {
  mkdirSync(folder, { recursive: true });
  const files = new Map(listModules(modules).map((path) => [moduleName(path), path]));
  const order: string[] = [];
  const add = (name: string): void => {
    const path = files.get(name);
    const target = `${name}.ko`;
    if (path === undefined || order.includes(target)) return;
    const bytes = readModule(join(modules, path));
    const depends = /(?:^|\0)depends=([^\0]*)\0/.exec(bytes.toString('latin1'))?.[1] ?? '';
    for (const needed of depends.split(',').filter(Boolean)) add(needed.replaceAll('-', '_'));
    writeFileSync(join(folder, target), bytes);
    order.push(target);
  };
  for (const name of wanted) add(name);
  return order;
}

function listModules(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /\.ko(?:\.xz)?$/.test(file));
}

/** Files may be named with dashes; the kernel only knows underscores. */
function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(?:\.xz)?$/, '')
    .replaceAll('-', '_');
}

function readModule(path: string): Buffer {
  if (!path.endsWith('.xz')) return readFileSync(path);
  const { status, stdout, stderr } = spawnSync('xz', ['-dc', path], { maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error(`xz cannot unpack ${path}: ${String(stderr)}`);
  return stdout;
}
