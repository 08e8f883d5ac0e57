import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { OciLayoutStore } from '@bpfship/oras-client';
import type { KernelFolders } from './facts/installed-kernels.ts';
import type { Kernel } from './kernel/kernel.ts';
import { openKernel, type OpenKernelOptions } from './kernel/open-kernel.ts';
import { openEventReader } from './observe/reader/open-event-reader.ts';
import { makeFolder } from './node/durable-folder.ts';
import { ShimNode } from './node/shim-node.ts';
import { ShimError, stateError } from './shim-error.ts';

/** Where a node keeps what it has. */
export interface OpenNodeOptions extends OpenKernelOptions {
  /** Default `/var/lib/bpfship`. Made with mode 0700. */
  stateDir?: string;
  /** Folder for pins; its parent is a BPF file system, or becomes one. Default `/sys/fs/bpf/bpfship`. */
  bpffsDir?: string;
  /** Milliseconds that another process's work on the node is waited for. Default 30,000. */
  lockWaitMs?: number;
  /** Where the node's kernels are installed. Default `/boot` and `/lib/modules`. */
  kernels?: KernelFolders;
  /** The way to the kernel, which the node then owns. Default: a new one. */
  kernel?: Kernel;
}

/**
 * Opens this node. The kernel is not asked for anything yet.
 *
 * @throws {ShimError} where its state folder cannot be used, or others may write to it.
 */
export async function openNode(options: OpenNodeOptions = {}): Promise<ShimNode> {
  const { stateDir = '/var/lib/bpfship', bpffsDir = '/sys/fs/bpf/bpfship', lockWaitMs, kernels } = options;
  const folders = { stateDir: resolve(stateDir), bpffsDir: resolve(bpffsDir) };
  // Its worker starts while the store is opened.
  const kernel = options.kernel ?? openKernel(options);
  const store = await openStore(stateDir).catch(async (error: unknown) => {
    await kernel[Symbol.asyncDispose]();
    throw error;
  });
  return new ShimNode(
    kernel,
    { ...folders, ...(lockWaitMs === undefined ? {} : { lockWaitMs }), ...(kernels === undefined ? {} : { kernels }) },
    store,
    openEventReader(options),
  );
}

async function openStore(stateDir: string): Promise<OciLayoutStore> {
  await makeStateFolder(stateDir);
  return OciLayoutStore.open(join(stateDir, 'store'), { create: true });
}

async function makeStateFolder(path: string): Promise<void> {
  let mode: number;
  try {
    await makeFolder(path);
    ({ mode } = await stat(path));
  } catch (error) {
    throw stateError(error, `making the state folder ${path}`);
  }
  // What stands in it is loaded into the kernel.
  if ((mode & 0o022) === 0) return;
  throw new ShimError('ERR_SHIM_STATE', `others may write to the state folder ${path}`, {
    hint: `Name a folder of your own, or: chmod 700 ${path}`,
  });
}
