import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { EventDecoder } from '@bpfship/bpf-object';
import type { FeedBlock, StreamFacts } from '../events/event-feed.ts';
import { EventSubscription } from '../events/event-subscription.ts';
import { encodeFrame, type Frame } from './frames.ts';
import { withSocketPath } from './socket-path.ts';

/** Bytes that wait for a slow receiver, beside what its socket holds. */
const MAX_BYTES: number = 16 * 1024 * 1024;
/** Receivers at once. */
const MAX_RECEIVERS = 64;

/** What the blocks belong to. */
export interface Announcement {
  /** Id of the generation whose types they have. */
  generation: number;
  streams: readonly StreamFacts[];
  decoders: readonly EventDecoder[];
}

interface Receiver {
  socket: Socket;
  subscription: EventSubscription;
  /** What was announced to it last. */
  announced: Announcement | undefined;
  done: Promise<void>;
}

/** Gives the events of the one reader to other processes, through a socket in the state folder. */
export class EventServer implements AsyncDisposable {
  readonly #path: string;
  readonly #server: Server;
  readonly #receivers = new Set<Receiver>();
  /** What blocks belong to, by what they are decoded by: those of the generation before may still wait. */
  readonly #announcements = new WeakMap<EventDecoder, Announcement>();
  #current: Announcement;

  private constructor(path: string, announcement: Announcement) {
    this.#path = path;
    this.#current = announcement;
    this.announce(announcement);
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = MAX_RECEIVERS;
  }

  /** Listens; a socket that nobody serves any more is replaced. */
  static async listen(path: string, announcement: Announcement): Promise<EventServer> {
    const server = new EventServer(path, announcement);
    rmSync(path, { force: true });
    await withSocketPath(path, async (short) => {
      server.#server.listen(short);
      await once(server.#server, 'listening');
      chmodSync(short, 0o600);
    });
    return server;
  }

  /** Number of processes that receive. */
  get receivers(): number {
    return this.#receivers.size;
  }

  /** Blocks that come after it belong to it. */
  announce(announcement: Announcement): void {
    this.#current = announcement;
    for (const decoder of announcement.decoders) this.#announcements.set(decoder, announcement);
  }

  onBlock(block: FeedBlock): void {
    for (const { subscription } of this.#receivers) subscription.offer(block);
  }

  /** Gives what waits, then ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#path, { force: true });
    this.#server.close();
    const receivers = [...this.#receivers];
    for (const { subscription } of receivers) subscription.end();
    await Promise.all(receivers.map(({ done }) => done));
  }

  #accept(socket: Socket): void {
    const subscription = new EventSubscription({ maxBytes: MAX_BYTES }, () => this.#receivers.delete(receiver));
    const receiver: Receiver = {
      socket,
      subscription,
      announced: undefined,
      done: Promise.resolve(),
    };
    this.#receivers.add(receiver);
    socket.on('error', () => subscription.end());
    socket.on('close', () => void subscription.return());
    // It never sends anything; reading shows when it goes.
    socket.resume();
    receiver.done = this.#send(receiver).catch(() => void socket.destroy());
  }

  async #send(receiver: Receiver): Promise<void> {
    const { socket, subscription } = receiver;
    await announce(receiver, this.#current);
    for await (const { stream, block, lost } of subscription) {
      if (socket.destroyed) return;
      const announcement = (block && this.#announcements.get(block.decoder)) ?? this.#current;
      if (receiver.announced !== announcement) await announce(receiver, announcement);
      const position = announcement.streams.findIndex(({ name }) => name === stream);
      if (position < 0) continue;
      await write(
        socket,
        block ? { kind: 'block', stream: position, block } : { kind: 'loss', stream: position, events: lost },
      );
    }
    socket.end();
  }
}

async function announce(receiver: Receiver, announcement: Announcement): Promise<void> {
  const { generation, streams } = announcement;
  receiver.announced = announcement;
  await write(receiver.socket, { kind: 'hello', generation, streams: [...streams] });
}

async function write(socket: Socket, frame: Frame): Promise<void> {
  let free = true;
  socket.cork();
  for (const part of encodeFrame(frame)) free = socket.write(part);
  socket.uncork();
  if (!free && !socket.destroyed) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
}
