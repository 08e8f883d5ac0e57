import { apply, known, UNKNOWN, variable, ZERO, type Value } from './value.ts';

/** Bytes of the verifier's unit of stack memory (include/linux/bpf_verifier.h, BPF_REG_SIZE). */
const SLOT_SIZE = 8;

/** A value on the stack. */
interface Slot {
  /** In bytes. */
  size: number;
  value: Value;
  /** Written as an immediate, which older verifiers do not follow. */
  immediate: boolean;
}

/** What a verifier can or cannot do; the answer is a value of the kernel. */
function ability(name: string): Value {
  return variable({ kind: 'feature', name });
}

/** Values that a read may give: which one, a feature of the kernel decides. */
export interface ConditionalRead {
  /** Where the feature is there. */
  value: Value;
  /** The feature; absent where `value` is right on every kernel. */
  feature?: Value;
}

/**
 * One frame's stack as the verifier sees it (kernel/bpf/verifier.c, check_stack_write_fixed_off and check_stack_read_fixed_off): values
 * that were written as a whole, by offset below the frame pointer. Anything else is unknown. What each kernel follows was measured; see
 * spec/kernel-facts.md, "Verifier abilities".
 */
export class StackMemory {
  readonly #slots: Map<number, Slot>;
  #key: string | undefined;

  constructor(slots: ReadonlyMap<number, Slot> = new Map()) {
    this.#slots = new Map(slots);
  }

  copy(): StackMemory {
    const copy = new StackMemory(this.#slots);
    copy.#key = this.#key;
    return copy;
  }

  /** Equal for stacks with equal contents. */
  key(): string {
    this.#key ??= [...this.#slots]
      .sort(([a], [b]) => a - b)
      .map(([offset, { size, value, immediate }]) => `${offset}/${size}${immediate ? 'i' : ''}=${value.key}`)
      .join(',');
    return this.#key;
  }

  /** Forgets the offsets that do not satisfy the test. */
  keepOnly(matters: (offset: number, size: number) => boolean): void {
    for (const [offset, { size }] of this.#slots) {
      if (!matters(offset, size)) {
        this.#slots.delete(offset);
        this.#key = undefined;
      }
    }
  }

  write(offset: number, size: number, value: Value, immediate: boolean = false): void {
    this.clobber(offset, size);
    if (value.kind === 'unknown') return;
    this.#slots.set(offset, { size, value, immediate });
  }

  /** Bytes of which nothing is known any more. */
  clobber(offset: number, size: number): void {
    this.#key = undefined;
    for (const [start, slot] of this.#slots) {
      if (start >= offset + size || start + slot.size <= offset) continue;
      this.#slots.delete(start);
      // Bytes of zero stay zero beside those that were written.
      if (!isZero(slot)) continue;
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
      const same = theirs?.size === slot.size && theirs.value.key === slot.value.key;
      if (same && theirs.immediate === slot.immediate) continue;
      this.#slots.delete(offset);
      this.#key = undefined;
      changed = true;
    }
    return changed;
  }

  /** What a read of `size` bytes gives. */
  read(offset: number, size: number): ConditionalRead {
    const slot = this.#slots.get(offset);
    if (this.#isZero(offset, size)) return { value: ZERO };
    // Anything else than zero is followed only where it lies at the start of one of the eight-byte slots.
    if (slot === undefined || slot.size < size || (slot.size < SLOT_SIZE && offset % SLOT_SIZE !== 0)) {
      return { value: UNKNOWN };
    }
    if (slot.size === size) return exactRead(slot);
    const isNumber = slot.value.kind === 'known' || slot.value.kind === 'symbolic';
    return isNumber
      ? { value: truncate(slot.value, size), feature: ability('narrow-stack-fills') }
      : { value: UNKNOWN };
  }

  #isZero(offset: number, size: number): boolean {
    let covered = 0;
    for (const [start, slot] of this.#slots) {
      const from = Math.max(start, offset);
      const to = Math.min(start + slot.size, offset + size);
      if (to <= from) continue;
      if (!isZero(slot)) return false;
      covered += to - from;
    }
    return covered === size;
  }
}

function isZero({ value }: Slot): boolean {
  return value.kind === 'known' && value.value === 0n;
}

function exactRead(slot: Slot): ConditionalRead {
  const { value, size, immediate } = slot;
  if (immediate) return { value, feature: ability('stack-immediate-stores') };
  if (size === SLOT_SIZE) return { value };
  return { value, feature: ability('narrow-stack-spills') };
}

/** The lowest bytes of a value. */
export function truncate(value: Value, size: number): Value {
  if (size === 8) return value;
  if (value.kind === 'known') return known(BigInt.asUintN(size * 8, value.value));
  return value.kind === 'symbolic' ? apply(`zext${size * 8}`, value) : UNKNOWN;
}
