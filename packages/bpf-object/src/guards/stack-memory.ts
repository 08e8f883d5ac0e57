import { apply, known, UNKNOWN, variable, ZERO, type Value } from './value.ts';

/** Bytes of the verifier's unit of stack memory (include/linux/bpf_verifier.h, BPF_REG_SIZE). */
const SLOT_SIZE = 8;
/** The ability to follow numbers that store instructions hold. */
const IMMEDIATES = 'stack-immediate-stores';

/** A value on the stack. */
interface Slot {
  /** In bytes. */
  size: number;
  value: Value;
  /** Written as an immediate, which older verifiers do not follow. */
  immediate: boolean;
  /**
   * What is left of eight bytes of zero, from a register or a number in the store itself, that were written over in part: verifiers that
   * keep them as a register (6.9, check_stack_write_fixed_off) no longer know that it is zero.
   */
  rest?: true;
}

/** What a verifier can or cannot do; the answer is a value of the kernel. */
function ability(name: string): Value {
  return variable({ kind: 'feature', name });
}

/** Values that a read may give: the first whose condition holds, or else nothing is known. */
export interface ConditionalRead {
  alternatives: readonly { condition?: Condition; value: Value }[];
}

/** A comparison of values of the kernel. */
export interface Condition {
  op: string;
  a: Value;
  b: Value;
}

/** The condition that a verifier has an ability. */
export function hasAbility(name: string): Condition {
  return { op: 'jne64', a: ability(name), b: ZERO };
}

/** A read that gives one value on every kernel. */
export function certainly(value: Value): ConditionalRead {
  return { alternatives: [{ value }] };
}

const NOTHING: ConditionalRead = certainly(UNKNOWN);

/**
 * One frame's stack as the verifier sees it (kernel/bpf/verifier.c, check_stack_write_fixed_off and check_stack_read_fixed_off): values
 * that were written as a whole, by offset below the frame pointer. Anything else is unknown. What each kernel follows was measured; see
 * spec/kernel-facts.md, "Verifier abilities".
 */
export class StackMemory {
  #slots: Map<number, Slot> = new Map();
  /** Another copy has the same slots: they are copied before the first change. */
  #isShared = false;
  #key: string | undefined;

  copy(): StackMemory {
    const copy = new StackMemory();
    copy.#slots = this.#slots;
    copy.#key = this.#key;
    copy.#isShared = true;
    this.#isShared = true;
    return copy;
  }

  #beforeChange(): void {
    this.#key = undefined;
    if (!this.#isShared) return;
    this.#slots = new Map(this.#slots);
    this.#isShared = false;
  }

  /** Equal for stacks with equal contents. */
  key(): string {
    this.#key ??= [...this.#slots]
      .sort(([a], [b]) => a - b)
      .map(
        ([offset, { size, value, immediate, rest }]) =>
          `${offset}/${size}${immediate ? 'i' : ''}${rest ? 'r' : ''}=${keyOfValue(value)}`,
      )
      .join(',');
    return this.#key;
  }

  /** Forgets the offsets that do not satisfy the test. */
  keepOnly(matters: (offset: number, size: number) => boolean): void {
    for (const [offset, { size }] of this.#slots) {
      if (matters(offset, size)) continue;
      this.#beforeChange();
      this.#slots.delete(offset);
    }
  }

  write(offset: number, size: number, value: Value, immediate: boolean = false): void {
    this.clobber(offset, size);
    if (value.kind === 'unknown' && value.key === UNKNOWN.key && value.id === undefined) return;
    this.#beforeChange();
    this.#slots.set(offset, { size, value, immediate });
  }

  /** Bytes of which nothing is known any more. */
  clobber(offset: number, size: number): void {
    for (let [start, slot] of this.#slots) {
      if (start >= offset + size || start + slot.size <= offset) continue;
      this.#beforeChange();
      this.#slots.delete(start);
      // Bytes of zero stay zero beside those that were written.
      if (!isZero(slot)) continue;
      if (slot.size === SLOT_SIZE) slot = { ...slot, rest: true };
      if (start < offset) this.#slots.set(start, { ...slot, size: offset - start });
      const end = start + slot.size;
      if (end > offset + size) this.#slots.set(offset + size, { ...slot, size: end - offset - size });
    }
  }

  /** Keeps what the other knows as well. Returns whether anything was forgotten. */
  join(other: StackMemory): boolean {
    let changed = false;
    for (const [offset, slot] of this.#slots) {
      const theirs = other.#slots.get(offset);
      const same =
        theirs?.size === slot.size &&
        theirs.value.key === slot.value.key &&
        identityOf(theirs.value) === identityOf(slot.value);
      if (same && theirs.immediate === slot.immediate && theirs.rest === slot.rest) continue;
      this.#beforeChange();
      this.#slots.delete(offset);
      changed = true;
    }
    return changed;
  }

  /** What a read of `size` bytes gives. */
  read(offset: number, size: number): ConditionalRead {
    const zero = this.#zeroWhere(offset, size);
    if (zero !== undefined && this.#hasRest(offset, size)) return restRead(zero);
    if (zero === true) return certainly(ZERO);
    const slot = this.#slots.get(offset);
    const exact = slot === undefined ? NOTHING : readSlot(slot, offset, size);
    if (zero === undefined || (exact.alternatives[0]?.condition === undefined && exact !== NOTHING)) return exact;
    // Zero is followed wherever it lies.
    return { alternatives: [{ condition: { op: 'jeq64', a: zero, b: ZERO }, value: ZERO }, ...exact.alternatives] };
  }

  /**
   * What a read at a place that is not known gives: zero, where nothing but zeros of whole registers is known, and the verifier keeps them as
   * zeros and not as registers (check_stack_read_var_off, mark_reg_stack_read).
   */
  readAnywhere(): ConditionalRead {
    const slots = [...this.#slots.values()];
    if (slots.length === 0 || !slots.every((slot) => isZero(slot) && slot.size === SLOT_SIZE)) return NOTHING;
    const abilities = ['zero-register-bytes', ...(slots.some(({ immediate }) => immediate) ? [IMMEDIATES] : [])];
    return { alternatives: [{ condition: allOf(abilities), value: ZERO }, { value: UNKNOWN }] };
  }

  #hasRest(offset: number, size: number): boolean {
    return [...this.#slots].some(([start, slot]) => slot.rest && start < offset + size && start + slot.size > offset);
  }

  /** Whether the bytes are all zero: true, where a value of the kernel is zero, or undefined = not known. */
  #zeroWhere(offset: number, size: number): Value | true | undefined {
    let covered = 0;
    let sum: Value = ZERO;
    for (const [start, { size: bytes, value }] of this.#slots) {
      const shared = Math.min(start + bytes, offset + size) - Math.max(start, offset);
      if (shared <= 0) continue;
      if (value.kind !== 'known' && value.kind !== 'symbolic') return undefined;
      sum = apply('or64', sum, truncate(value, bytes));
      covered += shared;
    }
    if (covered !== size || (sum.kind === 'known' && sum.value !== 0n) || sum.kind === 'unknown') return undefined;
    return sum.kind === 'known' ? true : sum;
  }

  /** Changes every value, for example because more is known of it. */
  update(change: (value: Value) => Value): void {
    for (const [offset, slot] of this.#slots) {
      const value = change(slot.value);
      if (value === slot.value) continue;
      this.#beforeChange();
      if (value.kind === 'unknown' && value.key === UNKNOWN.key && value.id === undefined) this.#slots.delete(offset);
      else this.#slots.set(offset, { ...slot, value });
    }
  }

  /** Whether a value is linked to another. */
  hasIds(): boolean {
    for (const { value } of this.#slots.values()) if (idOf(value) !== undefined) return true;
    return false;
  }

  /** Values that have an id, by offset. */
  linkedValues(): Value[] {
    const found: [number, Value][] = [];
    for (const [offset, { value }] of this.#slots) if (idOf(value) !== undefined) found.push([offset, value]);
    if (found.length > 1) found.sort(([a], [b]) => a - b);
    return found.map(([, value]) => value);
  }

  /** A write to a place that is not known: zeros stay zeros where zero is written. */
  writeAnywhere(value: Value): void {
    const isZeroWrite = value.kind === 'known' && value.value === 0n;
    for (const [offset, slot] of this.#slots) {
      if (isZeroWrite && isZero(slot)) continue;
      this.#beforeChange();
      this.#slots.delete(offset);
    }
  }
}

/** The id of a value, where it has one. */
export function idOf(value: Value): number | undefined {
  return value.kind === 'nullable' || value.kind === 'unknown' ? value.id : undefined;
}

/** Equal for equal values that are linked to the same ones. */
export function keyOfValue(value: Value): string {
  return value.key + identityOf(value);
}

/** The id as part of a key; empty where there is none. */
export function identityOf(value: Value): string {
  const id = idOf(value);
  if (id === undefined) return '';
  return value.kind === 'unknown' && value.plus !== undefined ? `#${id}+${value.plus}` : `#${id}`;
}

function isZero({ value }: Slot): boolean {
  return value.kind === 'known' && value.value === 0n;
}

/** A read of what is left of a register of zero, and perhaps of values of the kernel beside it. */
function restRead(zero: Value | true): ConditionalRead {
  // The ability as a mask: no bit of the values may be set, and the ability must be there.
  const doubt = apply('xor64', ability('zero-register-bytes'), known(1n));
  const sum = zero === true ? doubt : apply('or64', zero, doubt);
  return { alternatives: [{ condition: { op: 'jeq64', a: sum, b: ZERO }, value: ZERO }, { value: UNKNOWN }] };
}

function readSlot(slot: Slot, offset: number, size: number): ConditionalRead {
  const { value, size: stored, immediate } = slot;
  // Anything else than zero is followed only where it lies at the start of one of the eight-byte slots.
  if (stored < size || (stored < SLOT_SIZE && offset % SLOT_SIZE !== 0)) return NOTHING;
  if (stored === SLOT_SIZE && size === SLOT_SIZE && !immediate) return certainly(value);
  const isNumber = value.kind === 'known' || value.kind === 'symbolic';
  const abilities = [
    ...(immediate ? [IMMEDIATES] : []),
    ...(stored < SLOT_SIZE ? ['narrow-stack-spills'] : []),
    ...(stored > size ? ['narrow-stack-fills'] : []),
  ];
  if (!isNumber && stored > size) return NOTHING;
  return { alternatives: [{ condition: allOf(abilities), value: truncate(value, size) }, { value: UNKNOWN }] };
}

/** The condition that a verifier has several abilities. */
function allOf(names: readonly string[]): Condition {
  const all = names.map(ability).reduce((sum, each) => apply('and64', sum, each));
  return { op: 'jne64', a: all, b: ZERO };
}

/** The lowest bytes of a value. */
export function truncate(value: Value, size: number): Value {
  if (size === 8) return value;
  if (value.kind === 'known') return known(BigInt.asUintN(size * 8, value.value));
  if (value.kind === 'symbolic' || value.kind === 'unknown') return apply(`zext${size * 8}`, value);
  return UNKNOWN;
}
