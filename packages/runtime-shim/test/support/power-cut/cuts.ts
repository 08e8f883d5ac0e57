import { createHash } from 'node:crypto';
import type { FileOperation } from './file-operation.ts';
import type { Disk, Tree, Unsynced } from './disk.ts';

/** A power cut and what it leaves. */
export interface Cut {
  /** After how many operations. */
  after: number;
  tree: Tree;
  /** What was lost, for people. */
  what: string;
}

/** Up to so many pending changes, every set of them is tried. */
const MOST_SETS = 6;
/** Sets that are tried of more changes, besides those with a pattern. */
const RANDOM_SETS = 40;

/** Every power cut between the operations, with everything that may be lost then; what leaves the same disk is given once. */
export function* cutsOf(disk: Disk, operations: readonly FileOperation[]): Generator<Cut> {
  const seen = new Set<string>();
  for (let after = 0; after <= operations.length; after++) {
    const operation = operations[after - 1];
    if (operation) disk.apply(operation);
    for (const kept of setsOf(disk.pending)) {
      for (const unsynced of ['lost', 'kept', 'torn', 'zeros'] satisfies Unsynced[]) {
        const tree = disk.leave((index) => kept[index] === true, unsynced);
        const print = fingerprint(tree);
        if (seen.has(print)) continue;
        seen.add(print);
        const set = kept.map((stays) => (stays ? '1' : '0')).join('');
        yield { after, tree, what: `unsynced bytes ${unsynced}, changes of folders on the disk: ${set || 'all'}` };
      }
    }
  }
}

/** Sets of changes that reached the disk. */
function* setsOf(count: number): Generator<boolean[]> {
  const all = Array.from({ length: count }, (_, i) => i);
  if (count <= MOST_SETS) {
    for (let set = 0; set < 2 ** count; set++) yield all.map((i) => ((set >> i) & 1) === 1);
    return;
  }
  for (const some of [0, ...all, count]) {
    yield all.map((i) => i < some);
    yield all.map((i) => i >= some);
    yield all.map((i) => i === some);
    yield all.map((i) => i !== some);
  }
  let seed = count;
  for (let i = 0; i < RANDOM_SETS; i++)
    yield all.map(() => {
      // A linear congruential generator (Numerical Recipes): the same sets every time.
      seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32;
      return seed > 2 ** 31;
    });
}

function fingerprint(tree: Tree): string {
  const hash = createHash('sha256');
  for (const name of [...tree.keys()].sort()) {
    const node = tree.get(name);
    hash.update(`${name}\0${node === undefined ? 'folder' : Buffer.isBuffer(node) ? node.length : node.to}\0`);
    if (Buffer.isBuffer(node)) hash.update(node);
  }
  return hash.digest('hex');
}
