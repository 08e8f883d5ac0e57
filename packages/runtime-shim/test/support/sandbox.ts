import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { openNode, type OpenNodeOptions } from '../../src/open-node.ts';
import type { ShimNode } from '../../src/node/shim-node.ts';

/** Whether this process may do what these tests need. */
export const IS_ROOT: boolean = process.getuid?.() === 0;

/** A node of its own: temporary folder, BPF file system, state. All of it goes with the test, pins and mounts too. */
export interface Sandbox {
  readonly folder: string;
  /** A mounted BPF file system. */
  readonly bpffs: string;
  readonly bpffsDir: string;
  readonly stateDir: string;
  /** Opens the node; it is closed with the test, or before by `await using`. */
  openNode(options?: OpenNodeOptions): Promise<ShimNode>;
  openKernel(): Kernel;
  /** Everything that is pinned, relative to the folder for pins. */
  pins(): string[];
  /** Digests in the local store. */
  blobs(): string[];
}

/** Makes a sandbox for the running test. */
export function createSandbox(): Sandbox {
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-shim-'));
  const bpffs = join(folder, 'bpf');
  const bpffsDir = join(bpffs, 'bpfship');
  const stateDir = join(folder, 'state');
  const opened: AsyncDisposable[] = [];
  onTestFinished(async () => {
    for (const one of opened) await one[Symbol.asyncDispose]();
    removeBpffs(bpffs);
    removeBpffs(join(folder, 'own'));
    rmSync(folder, { recursive: true, force: true });
  });
  mkdirSync(bpffs);
  execFileSync('mount', ['-t', 'bpf', 'bpf', bpffs]);
  const keep = <T extends AsyncDisposable>(one: T): T => {
    opened.push(one);
    return one;
  };
  return {
    folder,
    bpffs,
    bpffsDir,
    stateDir,
    openNode: async (options = {}) => keep(await openNode({ stateDir, bpffsDir, ...options })),
    openKernel: () => keep(openKernel()),
    pins: () => filesIn(bpffsDir).filter((name) => name !== '+node'),
    blobs: () => filesIn(join(stateDir, 'store', 'blobs')),
  };
}

/** Files below a folder, sorted; none where there is no such folder. */
export function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Removing a pin detaches what it holds. A mount may lie on another one. */
function removeBpffs(path: string): void {
  if (!existsSync(path)) return;
  for (const name of readdirSync(path)) {
    // The kernel's own files cannot be removed.
    if (!name.endsWith('.debug')) rmSync(join(path, name), { recursive: true, force: true });
  }
  for (let tries = 0; tries < 3; tries++) {
    try {
      execFileSync('umount', [path], { stdio: 'ignore' });
    } catch {
      return;
    }
  }
}
