/** Milliseconds between two looks at a buffer that events come into, at most. */
const MAX_MS = 5;
/** Part of a buffer that is let fill between two looks. */
const AIM = 1 / 8;
/** Events in a millisecond that are many: waking for each of them would cost more than they do. */
const MANY = 2;
/** Milliseconds after a look that found nothing, although the kernel had announced something: a record that is not committed yet. */
const UNCOMMITTED_MS = 1;

/** What one look at a buffer has found. */
export interface Look {
  /** Milliseconds on a clock that only goes forward. */
  at: number;
  bytes: number;
  events: number;
}

/** How long to wait before the next look at a buffer, learnt from the last one. */
export class Pace {
  readonly #size: number;
  #announced = false;
  #lastAt = -Infinity;
  #milliseconds: number = Infinity;

  /** @param size - of the buffer, in bytes. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Milliseconds; 0 = at once, Infinity = when the kernel says that there is something. */
  get milliseconds(): number {
    return this.#milliseconds < 1 ? 0 : this.#milliseconds;
  }

  /** Whether the kernel said that there is something. */
  announced(announced: boolean): void {
    this.#announced = announced;
  }

  learn({ at, bytes, events }: Look): void {
    const elapsed = Math.max(at - this.#lastAt, 0.001);
    if (events === 0) this.#milliseconds = this.#announced ? UNCOMMITTED_MS : Infinity;
    else if (events / elapsed < MANY) this.#milliseconds = Infinity;
    else this.#milliseconds = Math.min(MAX_MS, (this.#size * AIM * elapsed) / Math.max(bytes, 1));
    this.#announced = false;
    this.#lastAt = at;
  }
}
