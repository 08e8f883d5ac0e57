import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { EventDecoder } from '@bpfship/bpf-object';
import type { EventFeed, FeedListener, StreamFacts } from '../events/event-feed.ts';
import { type Frame, FrameParser } from './frames.ts';
import { withSocketPath } from './socket-path.ts';

/** The decoders of a generation's streams. */
export type DecodersOf = (generation: number) => Promise<ReadonlyMap<string, EventDecoder>>;

/** Connects to the reader's socket. Undefined where nobody serves it. */
export async function connectToReader(path: string, decodersOf: DecodersOf): Promise<EventFeed | undefined> {
  const socket = await withSocketPath(path, async (short) => {
    const connecting = connect(short);
    try {
      await once(connecting, 'connect');
      return connecting;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ECONNRESET') return undefined;
      throw error;
    }
  });
  if (!socket) return undefined;
  const feed = new SocketFeed(socket, decodersOf);
  return (await feed.greeted) ? feed : undefined;
}

/** The events that another process reads. */
class SocketFeed implements EventFeed {
  /** Whether the reader has said what it gives; not where it went before. */
  readonly greeted: Promise<boolean>;
  streams: readonly StreamFacts[] = [];
  readonly #socket: Socket;
  readonly #decodersOf: DecodersOf;
  readonly #greeting = Promise.withResolvers<boolean>();
  readonly #parser = new FrameParser();
  #decoders: ReadonlyMap<string, EventDecoder> = new Map();
  #listener: FeedListener | undefined;
  readonly #early: Frame[] = [];
  #error: Error | undefined;
  #ended = false;

  constructor(socket: Socket, decodersOf: DecodersOf) {
    this.#socket = socket;
    this.#decodersOf = decodersOf;
    this.greeted = this.#greeting.promise;
    void this.#receive();
  }

  start(listener: FeedListener): void {
    this.#listener = listener;
    for (const frame of this.#early.splice(0)) this.#pass(frame);
    if (this.#ended) listener.onEnd(this.#error);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    this.#socket.destroy();
  }

  async #receive(): Promise<void> {
    try {
      for await (const chunk of this.#socket as AsyncIterable<Buffer>) {
        for (const frame of this.#parser.push(chunk)) {
          if (frame.kind === 'hello') await this.#greet(frame);
          else if (this.#listener) this.#pass(frame);
          else this.#early.push(frame);
        }
      }
    } catch (error) {
      // A reader that was killed has just gone; somebody takes its place.
      if (!isReset(error)) this.#error = error instanceof Error ? error : new Error(String(error));
    }
    this.#socket.destroy();
    this.#greeting.resolve(false);
    if (this.#ended) return;
    this.#ended = true;
    this.#listener?.onEnd(this.#error);
  }

  async #greet({ generation, streams }: Extract<Frame, { kind: 'hello' }>): Promise<void> {
    this.#decoders = await this.#decodersOf(generation);
    this.streams = streams;
    this.#greeting.resolve(true);
  }

  #pass(frame: Frame): void {
    if (frame.kind === 'hello') return;
    const stream = this.streams[frame.stream]?.name;
    const decoder = stream === undefined ? undefined : this.#decoders.get(stream);
    if (stream === undefined || decoder === undefined) return;
    if (frame.kind === 'loss') this.#listener?.onLoss(stream, frame.events);
    else this.#listener?.onBlock({ ...frame.block, stream, decoder });
  }
}

function isReset(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}
