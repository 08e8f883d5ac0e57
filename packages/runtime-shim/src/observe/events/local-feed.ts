import type { EventDecoder } from '@bpfship/bpf-object';
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
export async function openLocalFeed(reader: EventReader, sources: readonly StreamSource[]): Promise<LocalFeed> {
  const feed = new LocalFeed(reader);
  try {
    await feed.update(sources);
    return feed;
  } catch (error) {
    await feed[Symbol.asyncDispose]();
    throw error;
  }
}

interface OpenStream {
  source: StreamSource;
  opened: OpenEvents;
}

export class LocalFeed implements EventFeed {
  readonly #reader: EventReader;
  #streams: OpenStream[] = [];
  readonly #early: (() => void)[] = [];
  #listener: FeedListener | undefined;

  constructor(reader: EventReader) {
    this.#reader = reader;
  }

  get streams(): StreamFacts[] {
    return this.#streams.map(({ source: { name, type, description }, opened }) => ({
      name,
      type,
      ...(description === undefined ? {} : { description }),
      buffer: opened.facts,
    }));
  }

  start(listener: FeedListener): void {
    this.#listener = listener;
    for (const early of this.#early.splice(0)) early();
  }

  /**
   * Other streams, or others' types, from now on: those of another generation. All buffers are opened anew, since their maps may be others,
   * before the earlier ones are read to their end.
   */
  async update(sources: readonly StreamSource[]): Promise<void> {
    const before = this.#streams;
    const now: OpenStream[] = [];
    for (const source of sources) {
      const { name, pin, decoder } = source;
      const opened = await this.#reader.open(pin, {
        onBlock: (block) => this.#take(() => this.#listener?.onBlock({ ...block, stream: name, decoder })),
        onError: (error) => this.#take(() => this.#listener?.onEnd(error)),
      });
      now.push({ source, opened });
    }
    this.#streams = now;
    for (const { opened } of before) await opened.close({ toTheEnd: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { opened } of this.#streams.splice(0)) await opened.close();
  }

  #take(pass: () => void): void {
    if (this.#listener) pass();
    else this.#early.push(pass);
  }
}
