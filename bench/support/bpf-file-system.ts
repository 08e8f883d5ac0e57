import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Mounts a BPF file system in a folder, for pins that are nobody else's. Unmounting it lets go of every pin in it, and with them of the
 * programs: that is how an interrupted run leaves nothing in the kernel.
 *
 * @returns a folder in it, for BPFSHIP_BPFFS.
 */
export async function mountBpfFileSystem(stack: AsyncDisposableStack, folder: string): Promise<string> {
  const mountPoint = join(folder, 'bpffs');
  await mkdir(mountPoint);
  execFileSync('mount', ['-t', 'bpf', 'bpf', mountPoint], { stdio: 'pipe' });
  stack.defer(() => void execFileSync('umount', [mountPoint], { stdio: 'pipe' }));
  return join(mountPoint, 'bpfship');
}
