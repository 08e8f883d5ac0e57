import { type EventReader, openEventReader } from './event-reader.ts';
import type { Bpf } from './native/bpf.ts';
import type { Answer } from './protocol.ts';

interface Stream {
  reader: EventReader;
  timer: NodeJS.Timeout | undefined;
  /** Milliseconds between looks at an empty buffer. */
  intervalMs: number;
}

/** The event buffers that this worker reads. A batch is sent only when the caller has taken the one before. */
export class EventStreams {
  readonly #streams = new Map<number, Stream>();
  readonly #send: (answer: Answer) => void;
  readonly #sendError: (id: number, error: unknown) => void;

  constructor(send: (answer: Answer) => void, sendError: (id: number, error: unknown) => void) {
    this.#send = send;
    this.#sendError = sendError;
  }

  /** Opens a pinned buffer and looks for its first events. @throws {KernelError}. */
  open(bpf: Bpf, { id, mapPin, intervalMs }: { id: number; mapPin: string; intervalMs: number }): void {
    this.#streams.set(id, { reader: openEventReader(bpf, mapPin), timer: undefined, intervalMs });
    this.poll(id);
  }

  /** Looks into a buffer until there is something; then waits for the caller to take it. */
  poll(id: number): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    try {
      const { events, lost } = stream.reader.read();
      if (events.length > 0 || lost > 0) this.#send({ id, kind: 'events', events, lost });
      else stream.timer = setTimeout(() => this.poll(id), stream.intervalMs);
    } catch (error) {
      this.close(id);
      this.#sendError(id, error);
    }
  }

  close(id: number): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    this.#streams.delete(id);
    clearTimeout(stream.timer);
    stream.reader.close();
  }

  closeAll(): void {
    for (const id of this.#streams.keys()) this.close(id);
  }
}
