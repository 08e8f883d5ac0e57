import { assemble } from './native/assemble.ts';
import { Arena } from './native/arena.ts';
import { type Bpf, COMMAND } from './native/bpf.ts';
import { fillProgram, LOG_SIZE, type TrialProgram, type TrialResult } from './try-program.ts';

/**
 * A program whose first instruction changes from trial to trial: what all trials share is written once, since thousands of calls are asked
 * for when facts are exported. It keeps its memory, some KB, as long as it lives.
 */
export class CallTrial {
  readonly #bpf: Bpf;
  readonly #arena = new Arena();
  readonly #attribute: Buffer;
  readonly #instructions: Buffer;
  readonly #log: Buffer;

  constructor(bpf: Bpf, program: TrialProgram) {
    this.#bpf = bpf;
    const bytes = assemble(program.instructions);
    const instructions = this.#arena.allocate(bytes.length);
    const log = this.#arena.allocate(LOG_SIZE);
    instructions.bytes.set(bytes);
    this.#instructions = instructions.bytes;
    this.#log = log.bytes;
    this.#attribute = bpf.attribute((attribute) => {
      fillProgram(attribute, this.#arena, program, { place: () => instructions.address });
      attribute.writeUInt32LE(1, 24);
      attribute.writeUInt32LE(LOG_SIZE, 28);
      attribute.writeBigUInt64LE(log.address, 32);
    });
  }

  /** @param first - the first instruction's immediate. */
  run(first: number): TrialResult {
    this.#instructions.writeInt32LE(first, 4);
    this.#log[0] = 0;
    const result = this.#bpf.callWith(COMMAND.programLoad, this.#attribute);
    if (result >= 0) this.#bpf.native.close(result);
    return { result, log: this.#log.toString('latin1', 0, Math.max(this.#log.indexOf(0), 0)) };
  }
}
