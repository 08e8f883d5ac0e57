import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes a temporary folder that is removed, with everything in it, when the stack unwinds. */
export async function makeTemporaryFolder(stack: AsyncDisposableStack, name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `bpfship-bench-${name}-`));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
