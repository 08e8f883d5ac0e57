import {
  BpfObjectError,
  type Btf,
  type CoreModule,
  type CoreOutcome,
  type CoreResolver,
  createCoreResolver,
  type FunctionShape,
  parseBtf,
  prototypeText,
  shapeOfPrototype,
} from '@bpfship/bpf-object/resolving';
import type { CoreRelocationKind } from '@bpfship/media-types';
import type { Tristate } from './answer.ts';
import { decodeBase64 } from './base64.ts';
import { PortabilityError } from './portability-error.ts';

/** Kinds of named BTF types that rules look for. */
export type TypeKind = 'func' | 'var' | 'typedef' | 'struct';

/** One relocation of a variant: its kind, and the type id and access string in the variant's `types`. */
export interface LocalRelocation {
  readonly relocation: CoreRelocationKind;
  readonly typeId: number;
  readonly access: string;
  /** Bytes that the relocated load or store moves. Default: it is no load or store. */
  readonly accessSize?: number;
}

/** What a relocation comes to on a kernel. A poisoned instruction stops only the program that reaches it, an error the whole load. */
export type RelocationAnswer =
  /** `value`: what stands in the instruction then, unsigned 64-bit. */
  | { outcome: 'resolved'; value: bigint }
  | { outcome: 'poison' }
  | { outcome: 'error'; reason: string }
  /**
   * The kernel image has no type of that name and kind, and these loaded modules may have one. `mayPoison`: the instruction is invalid if
   * they have none; else it then holds 0.
   */
  | { outcome: 'unknown'; unread: readonly string[]; mayPoison: boolean };

/** A loaded module of a kernel. */
export interface KernelModule {
  readonly name: string;
  /** Its BTF, upon that of the kernel image. Absent, or nothing: it was not read. What cannot be parsed has no types. */
  readonly btf?: () => Uint8Array | undefined;
}

/** What relocations are resolved against. */
export interface RelocationTarget {
  readonly image: Btf;
  /** Asked where the image has no type of a name and kind. */
  readonly modules: () => readonly CoreModule[];
}

/** A variant's local types, read at first use. */
export interface LocalTypes {
  /** Base64 of the BTF, which tells local types apart. */
  readonly source: string | undefined;
  /**
   * Resolves against a kernel's types. The order of calls counts: like the loader, a resolver does not look again at a candidate that
   * once failed where another matched (libbpf.c, bpf_core_resolve_relo).
   *
   * @throws {BpfObjectError} where the variant's types are not BTF.
   */
  resolve(relocation: LocalRelocation, target: RelocationTarget): CoreOutcome;
}

/** A kernel's BTF, read at first use, with what the rules ask of it. Open it once to decide about many packages. */
export interface KernelTypes {
  has(kind: TypeKind, name: string): boolean;
  /** Whether the BTF of a loaded module has it: never where no module is known, undefined where one that may have it was not read. */
  hasInModules(this: void, kind: TypeKind, name: string): Tristate;
  /** Names in an enum; undefined where the kernel's BTF has no enum of that name. */
  enumerators(enumName: string): ReadonlySet<string> | undefined;
  /** Parameters and result of a function, or of the function type behind a typedef (`btf_trace_NAME`), in the image or a loaded module. */
  shapeOf(kind: 'func' | 'typedef', name: string): FunctionShape | undefined;
  /** A function's prototype as libbpf compares it (`prototypeText`). */
  prototypeOf(name: string): string | undefined;
  /** In bytes; undefined where the kernel's BTF has no struct of that name. */
  sizeOfStruct(name: string): number | undefined;
  /** Names of the members of a struct, in the image or a loaded module; undefined where no BTF at hand has the struct. */
  membersOf(structName: string): ReadonlySet<string> | undefined;
  relocate(local: LocalTypes, relocation: LocalRelocation): RelocationAnswer;
}

/** Opens a variant's `types` (base64 of BTF). Nothing is decoded before the first relocation asks. */
export function openLocalTypes(base64: string | undefined): LocalTypes {
  let local: Btf | undefined;
  const resolvers = new Map<RelocationTarget, CoreResolver>();
  return {
    source: base64,
    resolve({ relocation, typeId, access, accessSize }, target) {
      local ??= parseBtf(decodeBase64(base64 ?? ''));
      const resolver = resolvers.get(target) ?? createCoreResolver(local, target.image, { modules: target.modules });
      resolvers.set(target, resolver);
      const instruction =
        accessSize === undefined ? {} : { instruction: { form: 'memory', memorySize: accessSize } as const };
      return resolver.resolve({ kind: relocation, typeId, access, ...instruction });
    },
  };
}

/**
 * Opens a kernel's BTF, as bytes or as a function that gives them. Nothing is read before the first question, and only the names that
 * are asked for are decoded: kernel BTF has more than 100,000 types.
 *
 * @param modules - loaded modules in the order of their BTF ids, asked for where the image does not answer. Default: none.
 */
export function openKernelTypes(
  source: Uint8Array | (() => Uint8Array),
  modules: () => readonly KernelModule[] = () => [],
): KernelTypes {
  let opened: Btf | undefined;
  return openTypesOver(() => (opened ??= readKernelBtf(typeof source === 'function' ? source() : source)), modules);
}

/** As {@link openKernelTypes}, over the image's BTF that others use too. */
export function openTypesOver(image: () => Btf, modules: () => readonly KernelModule[]): KernelTypes {
  let openedModules: OpenedModules | undefined;
  let target: RelocationTarget | undefined;
  const enums = new Map<string, ReadonlySet<string> | undefined>();
  const loaded = (): OpenedModules => (openedModules ??= openModules(modules(), image()));
  // Lazily: most questions end in the image.
  function* searched(): Generator<Btf> {
    yield image();
    for (const { btf } of loaded().read) yield btf;
  }
  return {
    has: (kind, name) => image().typesNamed(name, kind).length > 0,
    shapeOf(kind, name) {
      const found = findPrototype(searched(), kind, name);
      return found && shapeOfPrototype(...found);
    },
    prototypeOf(name) {
      const found = findPrototype(searched(), 'func', name);
      return found && prototypeText(...found);
    },
    sizeOfStruct(name) {
      const [id] = image().typesNamed(name, 'struct');
      const type = id === undefined ? undefined : image().type(id);
      return type?.kind === 'struct' ? type.size : undefined;
    },
    membersOf(structName) {
      for (const btf of searched()) {
        const [id] = btf.typesNamed(structName, 'struct');
        const type = id === undefined ? undefined : btf.type(id);
        if (type?.kind === 'struct') return new Set(type.members.map(({ name }) => name));
      }
      return undefined;
    },
    hasInModules(kind, name) {
      const { read, unread } = loaded();
      return read.some(({ btf }) => btf.typesNamed(name, kind).length > 0) || (unread.length > 0 ? undefined : false);
    },
    enumerators(enumName) {
      if (!enums.has(enumName)) enums.set(enumName, enumeratorsOf(image(), enumName));
      return enums.get(enumName);
    },
    relocate(local, relocation) {
      target ??= { image: image(), modules: () => loaded().read };
      return relocate(local, relocation, target, () => loaded().unread);
    },
  };
}

/** The first of that name, as libbpf and the kernel find it (btf__find_by_name_kind), and the prototype behind it. */
function findPrototype(all: Iterable<Btf>, kind: 'func' | 'typedef', name: string): [Btf, number] | undefined {
  for (const btf of all) {
    const ids = btf.typesNamed(name, kind);
    const type = ids.length === 0 ? undefined : btf.type(Math.min(...ids));
    if (type?.kind === 'func') return [btf, type.type];
    const behind = type?.kind === 'typedef' ? btf.type(type.type) : undefined;
    if (behind?.kind === 'ptr') return [btf, behind.type];
  }
  return undefined;
}

/** Modules whose BTF is at hand, and the names of the others. */
interface OpenedModules {
  read: CoreModule[];
  unread: string[];
}

function openModules(modules: readonly KernelModule[], base: Btf): OpenedModules {
  const opened: OpenedModules = { read: [], unread: [] };
  for (const { name, btf } of modules) {
    const bytes = btf?.();
    if (bytes === undefined) opened.unread.push(name);
    else opened.read.push(...readModuleBtf(bytes, base).map((types) => ({ name, btf: types })));
  }
  return opened;
}

/** What was read before, for as long as its bytes are held: reading and indexing take some ten milliseconds. */
const known = new WeakMap<Uint8Array, Btf>();

/** Reads BTF once; the bytes must stay as they are. @throws {PortabilityError} `ERR_KERNEL_BTF_INVALID` */
export function readKernelBtf(bytes: Uint8Array): Btf {
  try {
    const btf = known.get(bytes) ?? parseBtf(bytes);
    known.set(bytes, btf);
    return btf;
  } catch (cause) {
    throw new PortabilityError('ERR_KERNEL_BTF_INVALID', `the kernel's BTF (${bytes.length} bytes) cannot be read`, {
      hint: 'Read it again from the node: /sys/kernel/btf/vmlinux',
      cause,
    });
  }
}

function readModuleBtf(bytes: Uint8Array, base: Btf): Btf[] {
  try {
    return [parseBtf(bytes, { base })];
  } catch {
    return [];
  }
}

function enumeratorsOf(btf: Btf, enumName: string): ReadonlySet<string> | undefined {
  // By kind: without one, the names of all functions would have to be indexed too.
  const ids = [...btf.typesNamed(enumName, 'enum'), ...btf.typesNamed(enumName, 'enum64')];
  const type = ids.length === 0 ? undefined : btf.type(ids.reduce((lowest, id) => Math.min(lowest, id)));
  return type?.kind === 'enum' || type?.kind === 'enum64' ? new Set(type.values.map(({ name }) => name)) : undefined;
}

/** What is wrong with the variant's own types is an error of that relocation: it must not stop the verdict on other variants. */
function relocate(
  local: LocalTypes,
  relocation: LocalRelocation,
  target: RelocationTarget,
  unreadModules: () => readonly string[],
): RelocationAnswer {
  try {
    const answer = local.resolve(relocation, target);
    if (answer.kind === 'error') return { outcome: 'error', reason: oneLine(answer.reason) };
    const mayPoison = answer.kind === 'poison';
    if (asksModules(answer, relocation)) {
      const unread = unreadModules();
      if (unread.length > 0) return { outcome: 'unknown', unread, mayPoison };
    }
    return answer.kind === 'resolved' ? { outcome: 'resolved', value: answer.value } : { outcome: 'poison' };
  } catch (cause) {
    if (!(cause instanceof BpfObjectError)) throw cause;
    return { outcome: 'error', reason: oneLine(cause.message) };
  }
}

/** Whether nothing matched and another module might: the loader looks at modules only where the image has no candidate at all. */
function asksModules(answer: Exclude<CoreOutcome, { kind: 'error' }>, { relocation }: LocalRelocation): boolean {
  if (relocation === 'type-id-local' || (answer.kind === 'resolved' && answer.matched)) return false;
  return answer.candidates.every(({ module }) => module !== undefined);
}

/** Names in a variant's types are whatever its publisher wrote: they must not steer the terminal that shows the reason. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, '\ufffd').slice(0, 512);
}
