import type { Btf } from '../btf/btf.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import { findCandidates } from '../core/candidates.ts';
import { isFieldKind, isTypeKind, RelocationAbort, type CoreRelocation } from '../core/relocation.ts';
import { matchSpec } from '../core/resolve.ts';
import { parseSpec, type Accessor, type Spec } from '../core/spec.ts';
import { Work } from '../core/work.ts';
import { buildMinimalTypes } from '../requirements/minimal-types.ts';

/** Relocations and the local types that they name. */
export interface KernelBtfNeed {
  types: Btf;
  relocations: readonly CoreRelocation[];
}

/** Anonymous structs and unions inside one another; C compilers stop far earlier. */
const MAX_DEPTH = 64;

/**
 * The part of a kernel's BTF that decides the relocations, as BTF of its own: every relocation comes to the same value, poison or error as with
 * the whole. As with libbpf's `bpftool gen min_core_btf`, a `type-id-target` relocation gives ids of the part, which mean nothing to a kernel.
 * The same input gives the same bytes. Errors: `ERR_BTF_*` where the kernel's BTF is not sound.
 */
export function buildMinimalKernelBtf(kernel: Btf, needs: readonly KernelBtfNeed[]): Uint8Array {
  const wanted = new Map<string, CoreRelocation>();
  for (const { types, relocations } of needs) {
    const work = new Work();
    for (const relocation of relocations) {
      for (const found of inKernel({ kernel, types, work }, relocation)) {
        wanted.set(`${found.kind} ${found.typeId} ${found.access}`, found);
      }
    }
  }
  return buildMinimalTypes(kernel, [...wanted.values()]).bytes;
}

/** The types on both sides, and the work left. */
interface Sides {
  kernel: Btf;
  types: Btf;
  work: Work;
}

/**
 * The relocation as accesses of the kernel's own types. A candidate that does not match is left out: without it, nothing matches either, and
 * where another matches it does not count.
 */
function inKernel({ kernel, types, work }: Sides, relocation: CoreRelocation): CoreRelocation[] {
  if (relocation.kind === 'type-id-local') return [];
  try {
    const local = parseSpec(types, relocation);
    return findCandidates(types, relocation.typeId, kernel, () => []).flatMap(({ id }) => {
      const match = matchSpec(local, kernel, id, work);
      return 'spec' in match ? accessesOf(kernel, relocation.kind, match.spec, work) : [];
    });
  } catch (error) {
    // A relocation that no loader could resolve needs nothing.
    if (error instanceof RelocationAbort) return [];
    throw error;
  }
}

function accessesOf(kernel: Btf, kind: CoreRelocation['kind'], spec: Spec, work: Work): CoreRelocation[] {
  const typeId = spec.rootTypeId;
  if (isTypeKind(kind)) return [{ kind, typeId, access: '0' }];
  if (!isFieldKind(kind)) return [{ kind, typeId, access: String(spec.accessors[0]?.index ?? 0) }];
  const steps: number[] = [];
  const extra: CoreRelocation[] = [];
  let at = typeId;
  for (const accessor of spec.accessors) {
    const type = skipModifiers(kernel, at);
    if (accessor.name === undefined) {
      // The first step is an index of the root type itself, as of an array.
      if (steps.length > 0 && type.kind === 'array') at = type.elementType;
      steps.push(accessor.index);
      continue;
    }
    const path = pathTo({ kernel, work }, type.id, accessor, 0) ?? [accessor.index];
    const holder = kernel.type(accessor.typeId);
    if (holder.kind !== 'struct' && holder.kind !== 'union') break;
    // An array without elements counts as flexible only where it stands last: what stands behind it must stay.
    const last = holder.members.length - 1;
    if (isEmptyArray(kernel, holder.members[accessor.index]?.type ?? 0) && accessor.index !== last) {
      extra.push({ kind: 'field-exists', typeId, access: [...steps, ...path.slice(0, -1), last].join(':') });
    }
    steps.push(...path);
    at = holder.members[accessor.index]?.type ?? 0;
  }
  return [{ kind, typeId, access: steps.join(':') }, ...extra];
}

function isEmptyArray(kernel: Btf, id: number): boolean {
  const type = skipModifiers(kernel, id);
  return type.kind === 'array' && type.length === 0;
}

/** Member indexes from a type through its anonymous parts to a member; the first way there is the one that the loader takes. */
function pathTo(
  side: Pick<Sides, 'kernel' | 'work'>,
  id: number,
  accessor: Accessor,
  depth: number,
): number[] | undefined {
  const { kernel, work } = side;
  const type = skipModifiers(kernel, id);
  if (type.id === accessor.typeId) return [accessor.index];
  if ((type.kind !== 'struct' && type.kind !== 'union') || depth > MAX_DEPTH) return undefined;
  for (const [index, member] of type.members.entries()) {
    work.step();
    const rest = member.name === '' ? pathTo(side, member.type, accessor, depth + 1) : undefined;
    if (rest !== undefined) return [index, ...rest];
  }
  return undefined;
}
