import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder as makeFolders } from '@bpfship/oras-client';

/** Brings to the disk what a folder lists: a new, renamed or removed file is so after a power cut only when its folder is written too (fsync(2)). */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes a folder, and those above it, with mode 0700. It outlasts a power cut when this returns. */
export async function makeFolder(path: string): Promise<void> {
  await makeFolders(path, { mode: 0o700, onMade: (folder) => syncFolder(dirname(folder)) });
}
