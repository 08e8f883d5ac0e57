import type { Btf } from '../btf/btf.ts';
import { skipModifiers } from '../btf/resolve-type.ts';
import { typeName } from '../btf/type-name.ts';
import { BpfObjectError } from '../errors.ts';
import { calculateValue, mayChangeSize, POISON, type Value } from './calculate.ts';
import { findCandidates, type Candidate } from './candidates.ts';
import { matchFieldSpec, type SpecMatch } from './match-fields.ts';
import { typesAreCompatible, typesMatch } from './match-types.ts';
import {
  isFieldKind,
  isTypeKind,
  RelocationAbort,
  type CoreCandidate,
  type CoreLoader,
  type CoreModule,
  type CoreOptions,
  type CoreOutcome,
  type CoreRelocation,
} from './relocation.ts';
import { formatSpec, namesAgree, parseSpec, type Spec } from './spec.ts';
import { Work } from './work.ts';

/** Resolves the relocations of one object, in the order of the object, against one target. */
export interface CoreResolver {
  resolve(relocation: CoreRelocation): CoreOutcome;
}

/**
 * Resolves as libbpf does over a whole object: a candidate that did not match once, while another did, is not looked at again for the
 * same local type. The order of calls therefore counts; it is that of the records in .BTF.ext, and repeating a call changes nothing.
 */
export function createCoreResolver(local: Btf, target: Btf, options: CoreOptions = {}): CoreResolver {
  const remembered = new Map<number, Candidate[]>();
  const found = new Map<number, Candidate[]>();
  let modules: readonly CoreModule[] | undefined;
  const side: Side = {
    local,
    target,
    loader: options.loader ?? 'libbpf-1.6',
    candidates(typeId) {
      const known = remembered.get(typeId) ?? found.get(typeId);
      if (known !== undefined) return known;
      const all = findCandidates(local, typeId, target, () => (modules ??= options.modules?.() ?? []));
      found.set(typeId, all);
      return all;
    },
    keep: (typeId, candidates) => remembered.set(typeId, candidates),
    work: new Work(),
  };
  return { resolve: (relocation) => resolveAmong(side, relocation) };
}

/**
 * What a CO-RE relocation becomes on a kernel, by libbpf's rules (src/relo_core.c): a value, an invalid instruction (poison), or an error
 * on which the loader gives up the object. Looks at this one relocation alone; see {@link createCoreResolver} for whole objects.
 */
export function resolveCoreRelocation(
  local: Btf,
  relocation: CoreRelocation,
  target: Btf,
  options: CoreOptions = {},
): CoreOutcome {
  return createCoreResolver(local, target, options).resolve(relocation);
}

/** What one object is resolved against. */
interface Side {
  local: Btf;
  target: Btf;
  loader: CoreLoader;
  candidates: (typeId: number) => Candidate[];
  keep: (typeId: number, candidates: Candidate[]) => unknown;
  work: Work;
}

/** Candidates under inspection. */
interface Matches {
  loader: CoreLoader;
  work: Work;
  candidates: CoreCandidate[];
  found: { candidate: Candidate; spec: Spec; value: Value }[];
}

function resolveAmong(side: Side, relocation: CoreRelocation): CoreOutcome {
  const matches: Matches = { loader: side.loader, work: side.work, candidates: [], found: [] };
  let described = `type ${relocation.typeId} access ${relocation.access.slice(0, 64)}`;
  try {
    const local = parseSpec(side.local, relocation);
    described = formatSpec(local);
    if (relocation.kind === 'type-id-local') return localTypeId(relocation, described);
    if (side.local.nameOf(relocation.typeId) === '') {
      throw new RelocationAbort(`${described}: a relocation needs a named type`);
    }
    for (const candidate of side.candidates(relocation.typeId)) collectMatch(matches, relocation, local, candidate);
    if (matches.found.length > 0) {
      side.keep(
        relocation.typeId,
        matches.found.map(({ candidate }) => candidate),
      );
    }
    return decide(relocation, local, described, matches);
  } catch (error) {
    if (!(error instanceof RelocationAbort) && !(error instanceof BpfObjectError)) throw error;
    return { kind: 'error', reason: error.message, local: described, candidates: matches.candidates };
  }
}

function localTypeId(relocation: CoreRelocation, local: string): CoreOutcome {
  const value = BigInt(relocation.typeId);
  return { kind: 'resolved', value, originalValue: value, validate: false, matched: true, local, candidates: [] };
}

function collectMatch(matches: Matches, relocation: CoreRelocation, local: Spec, candidate: Candidate): void {
  const { btf, id, module } = candidate;
  matches.work.step();
  const described = { id, type: typeName(btf, id), ...(module === undefined ? {} : { module }) };
  const match = matchSpec(local, btf, id, matches.work);
  if ('mismatch' in match) {
    matches.candidates.push({ ...described, mismatch: match.mismatch });
    return;
  }
  matches.candidates.push(described);
  // The local value first: libbpf fails there before it looks at the target's.
  requireValue(calculateValue(relocation.kind, local, matches.loader));
  const value = requireValue(calculateValue(relocation.kind, match.spec, matches.loader));
  const first = matches.found[0];
  if (first !== undefined && first.spec.bitOffset !== match.spec.bitOffset) {
    throw new RelocationAbort(
      `the field lies at bit ${first.spec.bitOffset} of one type, at bit ${match.spec.bitOffset} of another`,
    );
  }
  if (first !== undefined && first.value.value !== value.value) {
    throw new RelocationAbort(`one type gives ${first.value.value}, another ${value.value}`);
  }
  matches.found.push({ candidate, spec: match.spec, value });
}

function requireValue(value: Value | typeof POISON): Value {
  if (value === POISON) throw new RelocationAbort('the relocation has no value');
  return value;
}

/** Holds a local access against one candidate. */
export function matchSpec(local: Spec, target: Btf, id: number, work: Work): SpecMatch {
  if (isFieldKind(local.kind)) return matchFieldSpec(local, target, id, work);
  const spec: Spec = { btf: target, rootTypeId: id, kind: local.kind, accessors: [], rawLength: 0, bitOffset: 0 };
  if (isTypeKind(local.kind)) {
    const agree = local.kind === 'type-matches' ? typesMatch : typesAreCompatible;
    return agree(local.btf, local.rootTypeId, target, id, work)
      ? { spec }
      : { mismatch: `${typeName(target, id)} differs` };
  }
  const type = skipModifiers(target, id);
  const wanted = local.accessors[0]?.name ?? '';
  const index =
    type.kind === 'enum' || type.kind === 'enum64' ? type.values.findIndex(({ name }) => namesAgree(name, wanted)) : -1;
  if (index < 0) return { mismatch: `${typeName(target, id)} has no value ${wanted}` };
  spec.accessors.push({ typeId: type.id, index, name: wanted });
  return { spec };
}

function decide(relocation: CoreRelocation, local: Spec, described: string, matches: Matches): CoreOutcome {
  const common = { local: described, candidates: matches.candidates };
  const original = calculateValue(relocation.kind, local, matches.loader);
  const first = matches.found[0];
  const changed = first === undefined ? calculateValue(relocation.kind, undefined, matches.loader) : first.value;
  if (original === POISON || changed === POISON)
    return { kind: 'poison', reason: explainMissing(described, matches), ...common };
  const { instruction } = relocation;
  const sizeChanged = first !== undefined && original.size !== changed.size;
  if (instruction?.form === 'memory') {
    if (changed.value > 0x7fffn)
      throw new RelocationAbort(`${described}: offset ${changed.value} is too far for a load or store`);
    if (sizeChanged && !mayChangeSize(local, original, first.spec, changed)) {
      const reason = `${described} changed from ${original.size} to ${changed.size} bytes, and is neither pointer nor unsigned`;
      return { kind: 'poison', reason, ...common };
    }
    if (sizeChanged) checkMemorySize(described, instruction.memorySize, original.size, changed.size);
  }
  return {
    kind: 'resolved',
    value: changed.value,
    originalValue: original.value,
    validate: original.validate,
    matched: first !== undefined,
    ...(sizeChanged ? { memorySize: { from: original.size, to: changed.size } } : {}),
    ...common,
  };
}

function checkMemorySize(described: string, moved: number, from: number, to: number): void {
  if (moved !== from)
    throw new RelocationAbort(`${described}: the instruction moves ${moved} bytes of a field of ${from}`);
  if (![1, 2, 4, 8].includes(to)) throw new RelocationAbort(`${described}: no instruction moves ${to} bytes`);
}

function explainMissing(described: string, matches: Matches): string {
  const mismatches = matches.candidates.flatMap(({ mismatch }) => (mismatch === undefined ? [] : [mismatch]));
  if (mismatches.length === 0) return `${described}: the target has no type of that name`;
  return `${described}: ${mismatches.slice(0, 3).join('; ')}`;
}
