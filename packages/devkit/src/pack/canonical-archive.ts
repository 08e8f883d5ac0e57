import { type GzipOptions, gzipSync } from 'fflate';
import { pack } from 'tar-stream';

/** A file to archive. */
export interface ArchiveFile {
  /** Path in the archive. */
  name: string;
  bytes: Uint8Array;
}

/** Level and clock of gzip; with a time of 0 none is written (RFC 1952, MTIME). */
const GZIP_OPTIONS: GzipOptions = { level: 9, mtime: 0 };

/**
 * Archives files as gzip-compressed tar whose bytes depend on names and contents only: entries are sorted, have mode 0644, no owner and no
 * time, and the compressor is a pinned one in plain JavaScript, since the zlib of Node changes.
 */
export async function archiveCanonically(files: readonly ArchiveFile[]): Promise<Uint8Array> {
  const archive = pack();
  const sorted = files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, bytes } of sorted) {
    const header = { name, size: bytes.length, mode: 0o644, mtime: new Date(0), uid: 0, gid: 0, uname: '', gname: '' };
    archive.entry({ ...header, type: 'file' }, Buffer.from(bytes));
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return gzipSync(Buffer.concat(chunks), GZIP_OPTIONS);
}
