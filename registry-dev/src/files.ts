import type { Readable } from 'node:stream';

/** Bytes `start` to `end`, both inclusive. */
export interface ByteRange {
  start: number;
  end: number;
}

/** What is known of a stored file without reading it. */
export interface FileFacts {
  /** Bytes. */
  size: number;
  /** Milliseconds since 1970 at which the file or its name last changed; a link of it to another name counts too. */
  changed: number;
}

/** A file that is being read: what it was when it was opened, whatever happens to its name. */
export interface OpenFile {
  readonly size: number;
  /** All of it or a part; small parts as bytes, which are sent faster. Ends the reading. */
  read(range?: ByteRange): Uint8Array | Readable;
  /** Ends the reading without bytes. */
  close(): void;
}

/**
 * Where a registry keeps everything, by paths of checked names with slashes: a folder of the disk, or memory. Reading is synchronous for
 * small things, since a turn through the thread pool costs more than the reading from the page cache.
 */
export interface Files {
  facts(path: string): FileFacts | undefined;
  /** A small file, whole; `undefined` where it is missing. */
  read(path: string): Buffer | undefined;
  /** Opens a file of any size; `undefined` where it is missing. */
  open(path: string): OpenFile | undefined;
  /** Names in a folder; none where it is missing. */
  list(folder: string): string[];
  /** Puts a file in place in one step: a reader, also one after a crash, finds the old or the new content, and nothing in between. */
  replace(path: string, content: Uint8Array | string): Promise<void>;
  /** Makes an empty file that did not exist. */
  create(path: string): Promise<void>;
  /**
   * Appends, and what arrived of a body that breaks off is kept.
   *
   * @param written - is told every part after it was written.
   * @returns the file's new size, after it is on the disk.
   */
  append(path: string, body: AsyncIterable<Uint8Array>, written: (part: Uint8Array) => void): Promise<number>;
  /** Gives a file another name, in one step. */
  move(from: string, to: string): Promise<void>;
  /** Gives a file a second name. @returns whether it is there under that name now. */
  link(from: string, to: string): Promise<boolean>;
  /** @returns whether there was such a file. */
  remove(path: string): Promise<boolean>;
  /** Removes folders in which nothing is, from the innermost. */
  prune(folder: string): Promise<void>;
}
