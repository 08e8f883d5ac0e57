import { Readable } from 'node:stream';
import type { ByteRange, FileFacts, Files, OpenFile } from './files.ts';

/** One content, which may have several names. */
interface Content {
  parts: Buffer[];
  size: number;
  changed: number;
}

type Folder = Map<string, Folder | Content>;

/** Files in memory, gone with the process. */
export class MemoryFiles implements Files {
  readonly #root: Folder = new Map();

  facts(path: string): FileFacts | undefined {
    const content = this.#content(path);
    return content && { size: content.size, changed: content.changed };
  }

  read(path: string): Buffer | undefined {
    const content = this.#content(path);
    return content && whole(content);
  }

  open(path: string): OpenFile | undefined {
    const content = this.#content(path);
    if (!content) return undefined;
    // An append makes new parts; these stay what they are.
    const { size } = content;
    const parts = content.parts.slice();
    const read = (range: ByteRange = { start: 0, end: size - 1 }): ReturnType<OpenFile['read']> => {
      const cut = slice(parts, range);
      return cut.length === 1 && cut[0] ? cut[0] : Readable.from(cut, { objectMode: false });
    };
    return { size, read, close: () => undefined };
  }

  list(folder: string): string[] {
    const found = this.#find(folder);
    return found instanceof Map ? [...found.keys()] : [];
  }

  replace(path: string, content: Uint8Array | string): Promise<void> {
    const bytes = Buffer.from(content as Uint8Array);
    this.#put(path, { parts: [bytes], size: bytes.length, changed: Date.now() });
    return Promise.resolve();
  }

  create(path: string): Promise<void> {
    if (this.#content(path)) return Promise.reject(new Error(`${path} exists`));
    this.#put(path, { parts: [], size: 0, changed: Date.now() });
    return Promise.resolve();
  }

  async append(path: string, body: AsyncIterable<Uint8Array>, written: (part: Uint8Array) => void): Promise<number> {
    const content = this.#content(path);
    if (!content) throw new Error(`${path} does not exist`);
    for await (const part of body) {
      content.parts.push(Buffer.from(part));
      content.size += part.length;
      content.changed = Date.now();
      written(part);
    }
    return content.size;
  }

  async move(from: string, to: string): Promise<void> {
    const content = this.#content(from);
    if (!content) throw new Error(`${from} does not exist`);
    // Parts as they came in are small, and a blob is sent faster in one piece.
    if (content.size <= LARGEST_PIECE) content.parts = [whole(content)];
    content.changed = Date.now();
    this.#put(to, content);
    await this.remove(from);
  }

  link(from: string, to: string): Promise<boolean> {
    const content = this.#content(from);
    if (content) {
      content.changed = Date.now();
      if (!this.#content(to)) this.#put(to, content);
    }
    return Promise.resolve(content !== undefined);
  }

  remove(path: string): Promise<boolean> {
    const [folder, name] = this.#split(path);
    const found = folder?.get(name);
    if (found === undefined || found instanceof Map) return Promise.resolve(false);
    return Promise.resolve(folder?.delete(name) ?? false);
  }

  prune(folder: string): Promise<void> {
    const empty = (entries: Folder): boolean => {
      for (const [name, entry] of entries) if (entry instanceof Map && empty(entry)) entries.delete(name);
      return entries.size === 0;
    };
    const found = this.#find(folder);
    if (found instanceof Map) empty(found);
    return Promise.resolve();
  }

  #find(path: string): Folder | Content | undefined {
    let found: Folder | Content | undefined = this.#root;
    for (const name of path.split('/')) found = found instanceof Map ? found.get(name) : undefined;
    return found;
  }

  #content(path: string): Content | undefined {
    const found = this.#find(path);
    return found instanceof Map ? undefined : found;
  }

  #split(path: string): [Folder | undefined, string] {
    const at = path.lastIndexOf('/');
    const found = this.#find(path.slice(0, at));
    return [found instanceof Map ? found : undefined, path.slice(at + 1)];
  }

  #put(path: string, content: Content): void {
    const names = path.split('/');
    const last = names.pop() ?? '';
    let folder = this.#root;
    for (const name of names) {
      const next = folder.get(name) ?? new Map<string, Folder | Content>();
      if (!(next instanceof Map)) throw new Error(`${name} in ${path} is a file`);
      folder.set(name, next);
      folder = next;
    }
    folder.set(last, content);
  }
}

/** Larger contents stay in the parts in which they came: no second copy of gigabytes. */
const LARGEST_PIECE = 64 * 1024 * 1024;

function whole({ parts }: Content): Buffer {
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
}

function slice(parts: readonly Buffer[], { start, end }: ByteRange): Buffer[] {
  const cut: Buffer[] = [];
  let offset = 0;
  for (const part of parts) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end + 1 - offset, part.length);
    if (from < to) cut.push(part.subarray(from, to));
    offset += part.length;
  }
  return cut;
}
