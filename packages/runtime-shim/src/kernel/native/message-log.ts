import { Arena } from './arena.ts';
import type { OwnFunctions } from './own-functions.ts';

/** Offsets in `struct bpfship_log` (packages/runtime-shim/native/bpfship.h). */
const HEADER = 16;
const USED = 4;
const DROPPED = 8;
const SIZE = 64 * 1024;
const SUMMARY_LINES = 6;
const LINE_LENGTH = 300;

/** Collects what libbpf has to say in this thread, bounded: warnings, with which it explains results that are only numbers. */
export class MessageLog implements Disposable {
  readonly #own: OwnFunctions;
  readonly #memory = new Arena();
  readonly #bytes: Buffer;

  constructor(own: OwnFunctions) {
    this.#own = own;
    const { address, bytes } = this.#memory.allocate(HEADER + SIZE);
    this.#bytes = bytes;
    bytes.writeUInt32LE(SIZE, 0);
    own.logInto(address);
  }

  /** The messages since the last time, as lines without the prefix `libbpf:`. */
  take(): string[] {
    const used = Math.min(this.#bytes.readUInt32LE(USED), SIZE);
    const dropped = this.#bytes.readUInt32LE(DROPPED);
    if (used === 0 && dropped === 0) return [];
    const text = this.#bytes.toString('utf8', HEADER, HEADER + used);
    this.#bytes.writeUInt32LE(0, USED);
    this.#bytes.writeUInt32LE(0, DROPPED);
    const lines = text.split('\n').flatMap((line) => line.replace(/^libbpf: /, '').trimEnd() || []);
    return dropped === 0 ? lines : [...lines, `… and ${dropped} messages more`];
  }

  /** The last of the messages since the last time, as lines for people; `undefined` where there are none. */
  summary(): string | undefined {
    const lines = this.take().slice(-SUMMARY_LINES);
    return lines.length === 0 ? undefined : lines.map((line) => `  libbpf: ${line.slice(0, LINE_LENGTH)}`).join('\n');
  }

  [Symbol.dispose](): void {
    this.#own.logInto(null);
    this.#memory[Symbol.dispose]();
  }
}
