import type { BtfArray, BtfComposite, BtfEnum, BtfInt, BtfType } from '../btf/btf-type.ts';
import type { Btf } from '../btf/btf.ts';
import { sizeOfType, skipModifiers } from '../btf/resolve-type.ts';
import { typeName } from '../btf/type-name.ts';
import type { Conversion, ConversionStep, PlanOptions, TypeOf } from './conversion.ts';
import { type Field, fieldsOf } from './fields-of.ts';

/** Bound on the nesting of types, which a hostile BTF could make endless. */
const MAX_DEPTH = 32;
/** Bound on the steps of one conversion: a few arrays of arrays would make it grow without end. */
const MAX_STEPS = 65_536;
/** Lines about one pair of types. */
const MAX_LINES = 256;
/** Locks of the kernel, which a copy begins without (kernel/bpf/btf.c, btf_find_special_field). */
const LOCKS: ReadonlySet<string> = new Set(['bpf_spin_lock', 'bpf_res_spin_lock']);
/** What the kernel keeps in a map's value and nobody can copy. */
const KEPT_BY_KERNEL = /^bpf_(?:timer|wq|task_work|list_head|list_node|rb_root|rb_node|refcount|dynptr)$/;

/**
 * Plans how bytes of a type become those of another one: fields by their names, integers widened, what is new zero. Both are of the same byte
 * order.
 */
export function planConversion(before: TypeOf, after: TypeOf, options: PlanOptions): Conversion {
  const planner = new Planner(before.btf, after.btf, options);
  planner.plan(before.type, after.type, { path: options.path, from: 0, to: 0, depth: 0 });
  return { steps: merge(planner.steps), changes: planner.changes, obstacles: planner.obstacles };
}

/** Where a pair of types is; positions in bytes. */
interface Place {
  path: string;
  from: number;
  to: number;
  depth: number;
}

class Planner {
  readonly steps: ConversionStep[] = [];
  readonly changes: string[] = [];
  readonly obstacles: string[] = [];
  readonly #old: Btf;
  readonly #new: Btf;
  readonly #options: PlanOptions;
  #visits = 0;

  constructor(old: Btf, now: Btf, options: PlanOptions) {
    this.#old = old;
    this.#new = now;
    this.#options = options;
  }

  plan(oldId: number, newId: number, place: Place): void {
    if (place.depth > MAX_DEPTH || this.steps.length > MAX_STEPS || ++this.#visits > MAX_STEPS) {
      this.#obstacle(`${place.path} has too many parts`);
      return;
    }
    const [old, now] = [skipModifiers(this.#old, oldId), skipModifiers(this.#new, newId)];
    if (old.kind === 'int' && now.kind === 'int') this.#numbers(old, now, [oldId, newId], place);
    else if (isEnum(old) && isEnum(now)) this.#enums(old, now, [oldId, newId], place);
    else if (old.kind === 'array' && now.kind === 'array') this.#arrays(old, now, place);
    else if (old.kind === 'struct' && now.kind === 'struct') this.#structs(old, now, place);
    else if (old.kind === 'union' && now.kind === 'union') this.#unions(old, now, place);
    else this.#others(old, now, [oldId, newId], place);
  }

  #numbers(old: BtfInt, now: BtfInt, ids: [number, number], place: Place): void {
    const same = old.size === now.size && old.signed === now.signed && old.isBool === now.isBool;
    if (!same) this.#changed(ids, place);
    if (
      (old.signed && !now.signed) ||
      (now.isBool && !old.isBool) ||
      (!old.signed && now.signed && old.size >= now.size)
    ) {
      if (!this.#options.narrow || now.isBool) this.#cannot(ids, place);
    }
    this.#resize(old, now, ids, place);
  }

  #resize(old: BtfInt | BtfEnum, now: BtfInt | BtfEnum, ids: [number, number], { path, from, to, depth }: Place): void {
    if (old.size > now.size && !this.#options.narrow) this.#cannot(ids, { path, from, to, depth });
    if (old.size === now.size && old.signed === now.signed) {
      this.steps.push({ kind: 'bytes', from, to, size: old.size });
      return;
    }
    this.steps.push({
      kind: 'number',
      from,
      fromSize: old.size,
      to,
      toSize: now.size,
      signed: old.signed,
      toSigned: now.signed,
    });
  }

  #enums(old: BtfEnum, now: BtfEnum, ids: [number, number], place: Place): void {
    if (old.size !== now.size || old.signed !== now.signed) this.#changed(ids, place);
    const values = new Map(now.values.map(({ name, value }) => [name, value]));
    for (const { name, value } of old.values) {
      if (values.get(name) === value) continue;
      const is = values.has(name) ? `is ${values.get(name)}` : 'is gone';
      this.#change(`${place.path}: ${name} was ${value}, ${is}`);
      this.#obstacle(`${place.path}: ${name} was ${value}, ${is}`);
    }
    if (old.values.length !== now.values.length) this.#change(`${place.path} has other enumerators`);
    this.#resize(old, now, ids, place);
  }

  #arrays(old: BtfArray, now: BtfArray, place: Place): void {
    const { path, from, to, depth } = place;
    const sizes = [sizeOfType(this.#old, old.elementType), sizeOfType(this.#new, now.elementType)];
    const [oldSize = 0, newSize = 0] = sizes;
    if (old.length !== now.length) this.#change(`${path} had ${old.length} elements, has ${now.length}`);
    if (old.length > now.length) {
      if (!this.#options.narrow) this.#obstacle(`${path} had ${old.length} elements, has room for ${now.length}`);
      this.steps.push({ kind: 'zero', from: from + now.length * oldSize, size: (old.length - now.length) * oldSize });
    }
    const count = Math.min(old.length, now.length);
    if (count === 0) return;
    const first = this.steps.length;
    this.plan(old.elementType, now.elementType, { path: `${path}[]`, from, to, depth: depth + 1 });
    const steps = merge(this.steps.splice(first));
    const [only] = steps;
    if (steps.length === 1 && only?.kind === 'bytes' && only.size === oldSize && oldSize === newSize) {
      this.steps.push({ ...only, size: oldSize * count });
      return;
    }
    if (this.steps.length + steps.length * count > MAX_STEPS) {
      this.#obstacle(`${path} has too many parts`);
      return;
    }
    for (let i = 0; i < count; i++) this.steps.push(...steps.map((step) => shifted(step, i * oldSize, i * newSize)));
  }

  #structs(old: BtfComposite, now: BtfComposite, place: Place): void {
    if (LOCKS.has(old.name) && old.name === now.name) return;
    if (KEPT_BY_KERNEL.test(old.name)) {
      this.#obstacle(`${place.path} is a ${old.name}, which only the kernel can fill`);
      return;
    }
    const [before, after] = [fieldsOf(this.#old, old), fieldsOf(this.#new, now)];
    for (const [key, field] of before) {
      const other = after.get(key);
      const path = `${place.path}.${field.name}`;
      if (other) this.#field(field, other, { ...place, path, depth: place.depth + 1 });
      else {
        this.#change(`${path} is gone (${typeName(this.#old, field.type)})`);
        if (this.#options.complete) this.#mustBeZero(field, { ...place, path });
      }
    }
    for (const [key, { name, type }] of after) {
      if (!before.has(key)) this.#change(`${place.path}.${name} is new (${typeName(this.#new, type)})`);
    }
    if (old.size !== now.size && this.changes.length === 0) {
      this.#change(`${place.path} had ${old.size} bytes, has ${now.size}`);
    }
  }

  /** Without a place of its own a field of a key may only be what the way forth made of it. */
  #mustBeZero({ type, bitOffset, bitSize }: Field, { path, from }: Place): void {
    const size = sizeOfType(this.#old, type);
    if (this.#options.narrow && bitSize === 0 && size !== undefined) {
      this.steps.push({ kind: 'zero', from: from + bitOffset / 8, size });
    } else this.#obstacle(`${path} is gone, and entries that differ in it alone would be one`);
  }

  #field(old: Field, now: Field, place: Place): void {
    const [from, to] = [place.from * 8 + old.bitOffset, place.to * 8 + now.bitOffset];
    if (old.bitOffset !== now.bitOffset) {
      this.#change(
        `${place.path} was at byte ${Math.floor(old.bitOffset / 8)}, is at ${Math.floor(now.bitOffset / 8)}`,
      );
    }
    if (old.bitSize === 0 && now.bitSize === 0) {
      this.plan(old.type, now.type, { ...place, from: from / 8, to: to / 8 });
      return;
    }
    if (old.bitSize !== now.bitSize) {
      this.#change(`${place.path} had ${old.bitSize} bits, has ${now.bitSize}`);
      this.#obstacle(`${place.path} is a bit-field of another width`);
      return;
    }
    this.steps.push({ kind: 'bits', from, to, size: old.bitSize });
  }

  /** What a union holds nobody knows: it is copied where it means the same in both. */
  #unions(old: BtfComposite, now: BtfComposite, place: Place): void {
    const inner = new Planner(this.#old, this.#new, this.#options);
    const same =
      old.size === now.size &&
      old.members.length === now.members.length &&
      old.members.every(({ name, type, bitOffset, bitSize }, i) => {
        const other = now.members[i];
        if (other?.name !== name || other.bitOffset !== bitOffset || other.bitSize !== bitSize) return false;
        inner.plan(type, other.type, { ...place, from: 0, to: 0, depth: place.depth + 1 });
        return inner.changes.length === 0 && inner.obstacles.length === 0;
      });
    if (same) this.steps.push({ kind: 'bytes', from: place.from, to: place.to, size: old.size });
    else {
      this.#change(`${place.path} is another union`);
      this.#obstacle(`${place.path} is another union`);
    }
  }

  #others(old: BtfType, now: BtfType, ids: [number, number], place: Place): void {
    const size = sizeOfType(this.#old, ids[0]);
    const special = old.kind === 'ptr' && this.#old.type(old.type).kind === 'type_tag';
    if (special) this.#obstacle(`${place.path} is a pointer that only the kernel can fill`);
    else if (old.kind === now.kind && size !== undefined && size === sizeOfType(this.#new, ids[1])) {
      this.steps.push({ kind: 'bytes', from: place.from, to: place.to, size });
    } else {
      this.#changed(ids, place);
      this.#cannot(ids, place);
    }
  }

  #changed(ids: [number, number], { path }: Place): void {
    this.#change(`${path} was ${typeName(this.#old, ids[0])}, is ${typeName(this.#new, ids[1])}`);
  }

  #cannot(ids: [number, number], { path }: Place): void {
    this.#obstacle(`${path} was ${typeName(this.#old, ids[0])}, which ${typeName(this.#new, ids[1])} cannot hold`);
  }

  #change(line: string): void {
    if (this.changes.length < MAX_LINES) this.changes.push(line);
  }

  #obstacle(line: string): void {
    if (this.obstacles.length < MAX_LINES && !this.obstacles.includes(line)) this.obstacles.push(line);
  }
}

function isEnum(type: BtfType): type is BtfEnum {
  return type.kind === 'enum' || type.kind === 'enum64';
}

function shifted(step: ConversionStep, from: number, to: number): ConversionStep {
  if (step.kind === 'zero') return { ...step, from: step.from + from };
  const unit = step.kind === 'bits' ? 8 : 1;
  return { ...step, from: step.from + from * unit, to: step.to + to * unit };
}

/** One step for bytes that follow one another on both sides. */
function merge(steps: readonly ConversionStep[]): ConversionStep[] {
  const merged: ConversionStep[] = [];
  for (const step of steps) {
    const last = merged.at(-1);
    const follows =
      last?.kind === 'bytes' &&
      step.kind === 'bytes' &&
      last.from + last.size === step.from &&
      last.to + last.size === step.to;
    if (follows) merged[merged.length - 1] = { ...last, size: last.size + step.size };
    else merged.push(step);
  }
  return merged;
}
