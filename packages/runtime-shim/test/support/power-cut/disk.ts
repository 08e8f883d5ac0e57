import { mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { FileOperation } from './file-operation.ts';

/** What becomes of bytes that were written and not synced. */
export type Unsynced = 'lost' | 'kept' | 'torn' | 'zeros';

interface File {
  kind: 'file';
  /** What is on the disk for certain. */
  synced: Buffer;
  /** What the process sees. */
  now: Buffer;
}

interface Folder {
  kind: 'folder';
  synced: Map<string, Node>;
  now: Map<string, Node>;
  /** Changes of what it lists, since it was synced last. A rename is one change: it is done or not. */
  pending: Change[];
}

interface Link {
  kind: 'link';
  to: string;
}

type Node = File | Folder | Link;

interface Change {
  /** Name → what stands there now; `undefined`: nothing. */
  entries: [string, Node | undefined][];
}

/** What is on a disk; see {@link Disk.leave}. */
export type Tree = Map<string, Buffer | { to: string } | undefined>;

/** What a folder holds. */
export function readTree(root: string, path = '', tree: Tree = new Map()): Tree {
  for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isSymbolicLink()) tree.set(child, { to: readlinkSync(join(root, child)) });
    else if (entry.isDirectory()) readTree(root, child, tree.set(child, undefined));
    else tree.set(child, readFileSync(join(root, child)));
  }
  return tree;
}

/** Writes a tree into an empty folder. */
export function plant(path: string, tree: Tree): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  for (const [name, node] of tree) {
    const child = join(path, name);
    if (node === undefined) mkdirSync(child, { mode: 0o700 });
    else if (Buffer.isBuffer(node)) writeFileSync(child, node, { mode: 0o600 });
    else symlinkSync(node.to, child);
  }
}

/** A file system that forgets, as POSIX allows it: what was not synced may be lost, in any order, by itself. */
export class Disk {
  readonly #root: Folder = newFolder();

  /** @param tree - what is on the disk, all of it synced. */
  constructor(tree: Tree) {
    for (const [path, node] of tree) {
      const folder = this.#folder(dirname(path));
      const entry = nodeOf(node);
      folder.synced.set(basename(path), entry);
      folder.now.set(basename(path), entry);
    }
  }

  apply(operation: FileOperation): void {
    switch (operation.kind) {
      case 'mkdir':
        if (operation.path !== '') this.#put(operation.path, newFolder());
        break;
      case 'create':
        this.#put(operation.path, { kind: 'file', synced: Buffer.alloc(0), now: Buffer.alloc(0) });
        break;
      case 'symlink':
        this.#put(operation.path, { kind: 'link', to: operation.to });
        break;
      case 'remove':
        this.#put(operation.path, undefined);
        break;
      case 'truncate':
        this.#file(operation.path).now = Buffer.alloc(0);
        break;
      case 'write': {
        const file = this.#file(operation.path);
        file.now = Buffer.concat([file.now, Buffer.from(operation.bytes, 'base64')]);
        break;
      }
      case 'rename':
        this.#rename(operation.from, operation.to);
        break;
      case 'sync':
        this.#sync(operation.path);
        break;
    }
  }

  /** How many changes of folders are under way. */
  get pending(): number {
    return foldersOf(this.#root).reduce((sum, { pending }) => sum + pending.length, 0);
  }

  /**
   * What a power cut leaves: path → bytes of a file, `{ to }` of a symbolic link, `undefined` for a folder; folders come before what they
   * hold.
   *
   * @param kept - which of the pending changes reached the disk, by their order.
   */
  leave(kept: (index: number) => boolean, unsynced: Unsynced): Tree {
    let index = 0;
    const left = new Map<Folder, Map<string, Node>>();
    for (const folder of foldersOf(this.#root)) {
      const entries = new Map(folder.synced);
      for (const { entries: changed } of folder.pending) {
        if (!kept(index++)) continue;
        for (const [name, node] of changed) {
          if (node) entries.set(name, node);
          else entries.delete(name);
        }
      }
      left.set(folder, entries);
    }
    const tree: Tree = new Map();
    gather(tree, '', this.#root, left, unsynced);
    return tree;
  }

  #folder(path: string): Folder {
    let folder = this.#root;
    for (const name of path.split('/').filter((part) => part !== '' && part !== '.')) {
      const next = folder.now.get(name);
      if (next?.kind !== 'folder') throw new Error(`the record has no folder ${path}`);
      folder = next;
    }
    return folder;
  }

  #file(path: string): File {
    const file = this.#folder(dirname(path)).now.get(basename(path));
    if (file?.kind !== 'file') throw new Error(`the record has no file ${path}`);
    return file;
  }

  #put(path: string, node: Node | undefined): void {
    change(this.#folder(dirname(path)), [[basename(path), node]]);
  }

  #rename(from: string, to: string): void {
    if (dirname(from) !== dirname(to)) throw new Error('renames between folders are not simulated');
    const folder = this.#folder(dirname(from));
    change(folder, [
      [basename(from), undefined],
      [basename(to), folder.now.get(basename(from))],
    ]);
  }

  #sync(path: string): void {
    const node = path === '' ? this.#root : this.#folder(dirname(path)).now.get(basename(path));
    if (node?.kind === 'file') node.synced = node.now;
    if (node?.kind !== 'folder') return;
    node.synced = new Map(node.now);
    node.pending = [];
  }
}

function newFolder(): Folder {
  return { kind: 'folder', synced: new Map(), now: new Map(), pending: [] };
}

function change(folder: Folder, entries: Change['entries']): void {
  folder.pending.push({ entries });
  for (const [name, node] of entries) {
    if (node) folder.now.set(name, node);
    else folder.now.delete(name);
  }
}

/** A folder and all that it holds now or held when it was synced, in a fixed order. */
function foldersOf(folder: Folder, found: Set<Folder> = new Set()): Folder[] {
  if (found.has(folder)) return [...found];
  found.add(folder);
  const nodes = [...folder.synced.values(), ...folder.now.values()];
  for (const { entries } of folder.pending) for (const [, node] of entries) if (node) nodes.push(node);
  for (const node of nodes) if (node.kind === 'folder') foldersOf(node, found);
  return [...found];
}

function nodeOf(node: Buffer | { to: string } | undefined): Node {
  if (node === undefined) return newFolder();
  return Buffer.isBuffer(node) ? { kind: 'file', synced: node, now: node } : { kind: 'link', to: node.to };
}

function gather(
  tree: Tree,
  path: string,
  folder: Folder,
  left: ReadonlyMap<Folder, Map<string, Node>>,
  unsynced: Unsynced,
): void {
  for (const [name, node] of left.get(folder) ?? []) {
    const child = join(path, name);
    if (node.kind === 'link') tree.set(child, { to: node.to });
    else if (node.kind === 'file') tree.set(child, bytesOf(node, unsynced));
    else {
      tree.set(child, undefined);
      gather(tree, child, node, left, unsynced);
    }
  }
}

function bytesOf({ synced, now }: File, unsynced: Unsynced): Buffer {
  if (synced === now || unsynced === 'kept') return now;
  if (unsynced === 'lost') return synced;
  return unsynced === 'torn' ? now.subarray(0, Math.floor(now.length / 2)) : Buffer.alloc(now.length);
}
