import { lookUp, type Tristate } from './answer.ts';
import { decodeBase64 } from './base64.ts';
import type { KernelBtfFacts, KernelFacts, KernelModuleFacts, Packed } from './facts.ts';
import { answerHook, type HookSources } from './facts-hooks.ts';
import { type NameList, openNameList, unpack } from './facts-packed.ts';
import { type KernelModule, type KernelTypes, openKernelTypes, type TypeKind } from './kernel-types.ts';

/** Unpacking takes some 60 ms: it is done once for each document, and forgotten with it. */
const openedTypes = new WeakMap<KernelBtfFacts, WeakMap<object, KernelTypes>>();
const openedLists = new WeakMap<Packed, NameList>();

const NO_MODULES: Readonly<Record<string, KernelModuleFacts>> = {};

/** The kernel's BTF that the facts carry, whole or compact; `undefined` where they carry none. */
export function factsBtf({ btf }: KernelFacts): (() => Uint8Array) | undefined {
  const { data, compact } = btf;
  if (data !== undefined) return () => decodeBase64(data);
  if (compact?.encoding !== 'zlib') return undefined;
  return () => unpack(compact, 'the BTF') ?? new Uint8Array();
}

/** The types of the kernel whose facts these are; `undefined` where the facts carry no BTF. */
export function factsTypes(facts: KernelFacts): KernelTypes | undefined {
  const bytes = factsBtf(facts);
  if (!bytes) return undefined;
  const byModules = remember(openedTypes, facts.btf, () => new WeakMap<object, KernelTypes>());
  const modules = facts.modules ?? NO_MODULES;
  return remember(byModules, modules, () => openKernelTypes(bytes, () => factsModules(modules)));
}

/**
 * The modules that the facts name. Their order, that of names, does not matter: candidates that disagree are an error in any order.
 *
 * @param read - gives a module's BTF by its digest, where the facts do not carry it. Default: it is not read.
 */
export function factsModules(
  modules: Readonly<Record<string, KernelModuleFacts>> = NO_MODULES,
  read: (digest: string) => Uint8Array | undefined = () => undefined,
): KernelModule[] {
  return Object.entries(modules).map(([name, { btf, digest }]) => ({
    name,
    btf: () => {
      const carried = btf && unpack(btf, `the BTF of module ${name}`);
      return carried ?? (digest === undefined ? undefined : read(digest));
    },
  }));
}

/**
 * Whether the kernel has a target of a hook or a symbol, by what was asked on the node, else by the lists that the facts carry. `undefined`
 * where that is for the BTF of the kernel image to say.
 *
 * @param hook - as {@link answerHook} takes it.
 */
export function hookAnswer(
  facts: KernelFacts,
  hook: string,
  target: string,
  inModules?: (kind: TypeKind, name: string) => Tristate,
): Tristate {
  const told = lookUp(lookUp(facts.hooks, hook === 'ksym-typed' ? 'ksym' : hook), target);
  if (told !== undefined) return told;
  return answerHook(hook, target, { ...openLists(facts), ...(inModules ? { inModules } : {}) });
}

function openLists({ symbols, tracepoints }: KernelFacts): HookSources {
  const functions = openList(symbols?.functions, 'the functions');
  const variables = openList(symbols?.variables, 'the variables');
  const points = openList(tracepoints, 'the tracepoints');
  return {
    ...(functions ? { functions } : {}),
    ...(variables ? { variables } : {}),
    ...(points ? { tracepoints: points } : {}),
  };
}

function openList(packed: Packed | undefined, what: string): NameList | undefined {
  return packed?.encoding === 'zlib' ? remember(openedLists, packed, () => openNameList(packed, what)) : undefined;
}

function remember<K extends object, T extends object>(table: WeakMap<K, T>, key: K, open: () => T): T {
  const known = table.get(key) ?? open();
  table.set(key, known);
  return known;
}
