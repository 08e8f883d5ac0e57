import { accessSync, closeSync, constants, openSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { getRawAsset, isSea } from 'node:sea';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

/** What the single executable holds beside its code, and the operating system must open by a path. */
export type EmbeddedFile = 'koffi.node' | 'libbpf.so' | 'bpfship-hold';

const SHARED: readonly EmbeddedFile[] = ['koffi.node', 'libbpf.so'];
const KEY = 'bpfship-embedded-files';
/** A file without a name, which is gone with its last descriptor (O_TMPFILE of include/uapi/asm-generic/fcntl.h). */
const NAMELESS = constants.O_RDWR | constants.O_DIRECTORY | 0o20_000_000;

/** Paths of files that are out already, here or in the thread that started this one. */
function known(): Partial<Record<EmbeddedFile, string>> {
  return (getEnvironmentData(KEY) as Partial<Record<EmbeddedFile, string>> | undefined) ?? {};
}

/**
 * A path at which this process can open an embedded file; `undefined` where this is no single executable. Nothing is left in a file system:
 * the path leads through one of the process’s descriptors.
 *
 * @throws {Error} where no folder takes files from which code may be run.
 */
export function embeddedFile(name: EmbeddedFile): string | undefined {
  if (!isSea()) return undefined;
  const files = known();
  const path = files[name] ?? extract(name);
  setEnvironmentData(KEY, { ...files, [name]: path });
  return path;
}

/** Puts out what workers need, so that all of them use the same. */
export function shareEmbeddedFiles(): void {
  for (const name of SHARED) embeddedFile(name);
}

function extract(name: EmbeddedFile): string {
  const bytes = new Uint8Array(getRawAsset(name));
  let last: unknown;
  for (const folder of ['/run', '/dev/shm', tmpdir(), '/var/tmp']) {
    try {
      return writeNameless(folder, bytes);
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`no folder takes ${name} as a file that may be run: ${last instanceof Error ? last.message : ''}`);
}

function writeNameless(folder: string, bytes: Uint8Array): string {
  const written = openSync(folder, NAMELESS, 0o700);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(written, bytes, at);
    // Opened once more for reading only: what is open for writing cannot be run.
    const path = `/proc/self/fd/${openSync(`/proc/self/fd/${written}`, constants.O_RDONLY)}`;
    // Refused where the file system is mounted noexec (fs/open.c, do_faccessat).
    accessSync(path, constants.X_OK);
    return path;
  } finally {
    closeSync(written);
  }
}
