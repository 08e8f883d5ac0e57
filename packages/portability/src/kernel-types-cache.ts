import type { Btf, FunctionShape } from '@bpfship/bpf-object/resolving';
import type { Tristate } from './answer.ts';
import type { KernelModuleFacts } from './facts.ts';
import { factsModules } from './facts-view.ts';
import {
  type KernelTypes,
  type LocalRelocation,
  type LocalTypes,
  openTypesOver,
  readKernelBtf,
  type RelocationAnswer,
} from './kernel-types.ts';

/** Options of {@link createKernelTypesCache}. */
export interface KernelTypesCacheOptions {
  /** Gives the BTF of a kernel by its digest (`facts.btf.digest`). What it throws, the question throws that needed it. */
  readonly read: (digest: string) => Uint8Array;
  /** Gives the BTF of a module by its digest, where it is kept. Default: that of no module is, and only the facts can carry it. */
  readonly readModule?: (digest: string) => Uint8Array | undefined;
  /** BTFs that are held at a time; a kernel's takes 5 to 10 MB. Default 4. */
  readonly open?: number;
  /** Kernels whose answers are kept when their BTF is not; some KB for each package that was asked about. Default 1024. */
  readonly remember?: number;
}

/** Kernel types by digest, for decisions about many nodes: kernels of one digest are opened once. */
export interface KernelTypesCache {
  /** @param modules - `facts.modules`: the modules that the node has loaded. Default: none. */
  get(digest: string, modules?: Readonly<Record<string, KernelModuleFacts>>): KernelTypes;
}

/** Answers of one kernel. The relocations of an object form a tree, since an answer may depend on those before it. */
interface Answers {
  has: Map<string, boolean>;
  hasInModules: Map<string, Tristate>;
  enumerators: Map<string, ReadonlySet<string> | undefined>;
  shapes: Map<string, FunctionShape | undefined>;
  prototypes: Map<string, string | undefined>;
  structSizes: Map<string, number | undefined>;
  members: Map<string, ReadonlySet<string> | undefined>;
  /** By the text of the local types. */
  relocations: Map<string | undefined, Step>;
}

interface Step {
  answer?: RelocationAnswer;
  next: Map<string, Step>;
}

/** How far one reader of local types has come. */
interface Cursor {
  step: Step;
  path: LocalRelocation[];
  /** The kernel that was asked last, and how many of the path. */
  kernel?: KernelTypes;
  asked: number;
}

/**
 * Keeps the kernels that were asked last, and the answers of many more, both bounded: over a fleet whose nodes come in any order, each
 * different kernel's BTF is read about once, and the time for a node does not depend on how many there are.
 */
export function createKernelTypesCache(options: KernelTypesCacheOptions): KernelTypesCache {
  const images = new Map<string, Btf>();
  const opened = new Map<string, KernelTypes>();
  const remembered = new Map<string, KernelTypes>();
  const held = options.open ?? 4;
  const image = (digest: string): Btf => recent(images, digest, held, () => readKernelBtf(options.read(digest)));
  return {
    get(digest, modules = {}) {
      const key = `${digest}${modulesKey(modules)}`;
      // Opened types hold on to their image, which is why only few are kept.
      const open = (): KernelTypes =>
        recent(opened, key, held, () => {
          let own: Btf | undefined;
          return openTypesOver(
            () => (own ??= image(digest)),
            () => factsModules(modules, options.readModule),
          );
        });
      return recent(remembered, key, options.remember ?? 1024, () => remember(open));
    },
  };
}

/** Nodes with the same kernel and the same modules share their answers. */
function modulesKey(modules: Readonly<Record<string, KernelModuleFacts>>): string {
  return Object.entries(modules)
    .map(([name, { digest, btf }]) => ` ${name} ${digest ?? btf?.data ?? ''} ${btf === undefined ? '' : 'carried'}`)
    .sort()
    .join('');
}

/** The entry of a map that holds the last `limit` used ones. */
function recent<T>(map: Map<string, T>, key: string, limit: number, make: () => T): T {
  const value = map.get(key) ?? make();
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > Math.max(1, limit) && oldest.done === false) map.delete(oldest.value);
  return value;
}

function remember(open: () => KernelTypes): KernelTypes {
  const answers: Answers = {
    has: new Map(),
    hasInModules: new Map(),
    enumerators: new Map(),
    shapes: new Map(),
    prototypes: new Map(),
    structSizes: new Map(),
    members: new Map(),
    relocations: new Map(),
  };
  const cursors = new WeakMap<LocalTypes, Cursor>();
  return {
    has: (kind, name) => once(answers.has, `${kind} ${name}`, () => open().has(kind, name)),
    hasInModules: (kind, name) => once(answers.hasInModules, `${kind} ${name}`, () => open().hasInModules(kind, name)),
    shapeOf: (kind, name) => once(answers.shapes, `${kind} ${name}`, () => open().shapeOf(kind, name)),
    prototypeOf: (name) => once(answers.prototypes, name, () => open().prototypeOf(name)),
    sizeOfStruct: (name) => once(answers.structSizes, name, () => open().sizeOfStruct(name)),
    membersOf: (name) => once(answers.members, name, () => open().membersOf(name)),
    enumerators: (name) => once(answers.enumerators, name, () => open().enumerators(name)),
    relocate(local, relocation) {
      const cursor = cursors.get(local) ?? { step: stepOf(answers.relocations, local.source), path: [], asked: 0 };
      cursors.set(local, cursor);
      cursor.step = stepOf(cursor.step.next, keyOf(relocation));
      cursor.path.push(relocation);
      return (cursor.step.answer ??= resolveUpTo(cursor, open(), local));
    },
  };
}

/** Relocations are resolved in order; to ask one is to have asked those before it. */
function resolveUpTo(cursor: Cursor, kernel: KernelTypes, local: LocalTypes): RelocationAnswer {
  // Where the kernel's BTF was read anew in between, nothing is asked yet.
  if (cursor.kernel !== kernel) cursor.asked = 0;
  let answer: RelocationAnswer = { outcome: 'poison' };
  for (const relocation of cursor.path.slice(cursor.asked)) answer = kernel.relocate(local, relocation);
  cursor.kernel = kernel;
  cursor.asked = cursor.path.length;
  return answer;
}

function stepOf<K>(steps: Map<K, Step>, key: K): Step {
  return once(steps, key, () => ({ next: new Map() }));
}

function keyOf({ relocation, typeId, access, accessSize }: LocalRelocation): string {
  return `${relocation} ${typeId} ${access} ${accessSize ?? ''}`;
}

function once<K, T>(map: Map<K, T>, key: K, make: () => T): T {
  if (map.has(key)) return map.get(key) as T;
  const value = make();
  map.set(key, value);
  return value;
}
