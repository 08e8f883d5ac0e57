import { writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import type { CommandContext } from '../context.ts';
import { fileError } from '../files.ts';
import { sanitize } from '../terminal/sanitize.ts';

/** Writes bytes to a file, or for `-` and nothing to standard output: as they are, and for a terminal cleaned of what could drive it. */
export async function writeOutput(
  output: string | undefined,
  bytes: Uint8Array,
  { streams, signal }: CommandContext,
): Promise<void> {
  if (output !== undefined && output !== '-') {
    await writeFile(output, bytes).catch((error: unknown) => {
      throw fileError(error, output, 'written');
    });
    return;
  }
  const { stdout } = streams;
  const shown = stdout.isTTY === true ? `${sanitize(Buffer.from(bytes).toString('utf8'))}\n` : bytes;
  if (!stdout.write(shown)) await once(stdout, 'drain', { signal });
}
