import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The loader takes BTF by its path: a file that only this process's user can read, for as long as it loads. */
export async function withBtfFile<T>(
  btf: Uint8Array | undefined,
  use: (path: string | undefined) => Promise<T>,
): Promise<T> {
  if (btf === undefined) return use(undefined);
  const folder = mkdtempSync(join(tmpdir(), 'bpfship-btf-'));
  try {
    const path = join(folder, 'kernel.btf');
    writeFileSync(path, btf, { mode: 0o600 });
    return await use(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
