import type { EventDecoder } from '@bpfship/bpf-object';
import type { EventBlock } from '../reader/event-block.ts';
import type { EventReader, OpenEvents } from '../reader/open-event-reader.ts';
import type { EventFeed, FeedListener, StreamFacts } from './event-feed.ts';

/** A declared stream, and how it is decoded. */
export interface StreamSource {
  name: string;
  type: string;
  description?: string;
  /** Its map. */
  pin: string;
  decoder: EventDecoder;
}

/** Reads the buffers of a service. What comes before somebody listens is kept. @throws {KernelError} where one cannot be opened. */
export async function openLocalFeed(reader: EventReader, sources: readonly StreamSource[]): Promise<EventFeed> {
  const feed = new LocalFeed(reader);
  try {
    for (const source of sources) await feed.add(source);
    return feed;
  } catch (error) {
    await feed[Symbol.asyncDispose]();
    throw error;
  }
}

class LocalFeed implements EventFeed {
  readonly streams: StreamFacts[] = [];
  readonly #reader: EventReader;
  readonly #opened: OpenEvents[] = [];
  readonly #early: (() => void)[] = [];
  #listener: FeedListener | undefined;

  constructor(reader: EventReader) {
    this.#reader = reader;
  }

  async add({ name, type, description, pin, decoder }: StreamSource): Promise<void> {
    const opened = await this.#reader.open(pin, {
      onBlock: (block) => this.#take(() => this.#pass(name, decoder, block)),
      onError: (error) => this.#take(() => this.#listener?.onEnd(error)),
    });
    this.#opened.push(opened);
    this.streams.push({ name, type, ...(description === undefined ? {} : { description }), buffer: opened.facts });
  }

  start(listener: FeedListener): void {
    this.#listener = listener;
    for (const early of this.#early.splice(0)) early();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.splice(0).map((opened) => opened.close()));
  }

  #take(pass: () => void): void {
    if (this.#listener) pass();
    else this.#early.push(pass);
  }

  #pass(stream: string, decoder: EventDecoder, block: EventBlock): void {
    this.#listener?.onBlock({ ...block, stream, decoder });
  }
}
