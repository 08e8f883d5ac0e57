import { open } from 'node:fs/promises';

/** Brings to the disk what a folder lists: a new or renamed file outlasts a power cut only when its folder is written too (fsync(2)). */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
