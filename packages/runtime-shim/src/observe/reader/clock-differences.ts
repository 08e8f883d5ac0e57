import type { ClockOffsets } from '@bpfship/bpf-object';
import { CLOCK, type SystemCalls } from './system-calls.ts';

/** Milliseconds for which an answer holds: somebody may set the clock of the wall. */
const MAX_AGE_MS = 1000;

/** How far the kernel's clocks are behind that of the wall, asked once a second at most. */
export class ClockDifferences {
  readonly #calls: SystemCalls;
  #asked = -Infinity;
  #offsets: ClockOffsets = { monotonic: 0n, boottime: 0n };

  constructor(calls: SystemCalls) {
    this.#calls = calls;
  }

  now(): ClockOffsets {
    const now = performance.now();
    if (now - this.#asked < MAX_AGE_MS) return this.#offsets;
    this.#asked = now;
    const wall = this.#calls.clock(CLOCK.realtime);
    this.#offsets = {
      monotonic: wall - this.#calls.clock(CLOCK.monotonic),
      boottime: wall - this.#calls.clock(CLOCK.boottime),
    };
    return this.#offsets;
  }
}
