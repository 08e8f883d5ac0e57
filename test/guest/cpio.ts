import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';

/** Copies a file or folder, following links; `keep` leaves files out. */
export function copyTree(from: string, to: string, keep: (path: string) => boolean = () => true): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, dereference: true, filter: keep });
}

/** Makes a link whose target only exists in the guest. */
export function linkTo(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

/** Packs a folder as the kernel wants it (cpio "newc"), owned by root whoever packs. Needs no rights: the guest makes its own devices. */
export function packTree(root: string, path: string): void {
  const script = 'find . -print0 | LC_ALL=C sort -z | cpio --null --create --format=newc --owner=0:0 --quiet > "$0"';
  const { status, stderr, error } = spawnSync('sh', ['-c', script, path], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`cpio failed: ${error?.message ?? stderr}`);
}
